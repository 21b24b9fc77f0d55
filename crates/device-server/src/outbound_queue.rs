//! Messages to users: sent after the answer, retried, and awaited at shutdown.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use device_pool::store::Store;
use device_pool::{Hooks, Message};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::custom_senders::CustomSenders;
use crate::fair_share::{FairShare, Place};
use crate::metrics::{Delivery, Metrics};
use crate::transport::{Transport, TransportError, Transports, topic};

/// The waits before further attempts. After the last, the user has probably requested another code.
const BACK_OFF: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// The maximum number of queued messages; of one pool, a share of them. Further ones are lost, so
/// that a failing mail server cannot fill the memory.
const MAX_UNDER_WAY: usize = 1000;

/// How long the shutdown waits for queued messages.
const LAST_MESSAGES: Duration = Duration::from_secs(10);

/// The queued messages, with a task for each.
pub(crate) struct OutboundQueue {
    ways: Arc<Ways>,
    places: Arc<FairShare>,
    under_way: Mutex<JoinSet<()>>,
    metrics: Arc<Metrics>,
}

impl OutboundQueue {
    /// A queue for `transports`. Messages that have a custom sender are passed to `hooks`, if those
    /// run it, with the attributes in `store`.
    pub(crate) fn new(
        transports: Transports,
        hooks: Arc<dyn Hooks>,
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let ways = Ways { transports, senders: CustomSenders::new(hooks, store) };
        let places = FairShare::new(MAX_UNDER_WAY);
        Self { ways: Arc::new(ways), places, under_way: Mutex::default(), metrics }
    }

    /// The number of messages on their way.
    pub(crate) fn waiting(&self) -> usize {
        let mut under_way = self.under_way();
        while under_way.try_join_next().is_some() {}
        under_way.len()
    }

    pub(crate) fn has_way_for(&self, message: &Message) -> bool {
        self.ways.senders.take(message)
            || !matches!(self.ways.transports.of(message.medium), Transport::Nowhere)
    }

    /// Starts delivering messages. No answer waits for that: its time would reveal whether there
    /// was a message.
    pub(crate) fn send(&self, messages: Vec<Message>) {
        let mut under_way = self.under_way();
        while under_way.try_join_next().is_some() {}
        for message in messages {
            let report = Report::of(&message, Arc::clone(&self.metrics));
            if let Some(place) = self.places.try_take(&message.pool_id) {
                under_way.spawn(deliver(Arc::clone(&self.ways), message, report, place));
            } else {
                report.lost(&"too many messages of this pool are on their way");
            }
        }
    }

    /// Waits for queued messages, and gives up those that take too long.
    pub(crate) async fn finish(&self) {
        let mut under_way = mem::take(&mut *self.under_way());
        let all = async { while under_way.join_next().await.is_some() {} };
        if timeout(LAST_MESSAGES, all).await.is_err() {
            under_way.shutdown().await;
        }
    }

    fn under_way(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ways to deliver a message.
struct Ways {
    transports: Transports,
    senders: CustomSenders,
}

impl Ways {
    async fn carry(&self, message: &Arc<Message>) -> Result<(), TransportError> {
        match self.senders.deliver(message).await {
            Some(delivered) => delivered,
            None => self.transports.carry(message).await,
        }
    }
}

async fn deliver(ways: Arc<Ways>, message: Message, report: Report, _place: Place) {
    let mut waits = BACK_OFF.into_iter();
    let message = Arc::new(message);
    loop {
        match ways.carry(&message).await {
            Ok(()) => return report.delivered(),
            Err(error) => match waits.next().filter(|_| error.is_passing()) {
                Some(wait) => {
                    report.put_off(&error);
                    sleep(wait).await;
                }
                None => return report.lost(&error),
            },
        }
    }
}

/// The log's description of a message: its kind, never its text or recipient.
///
/// Dropped with its task, it logs that the message was lost.
struct Report {
    pool: String,
    medium: &'static str,
    topic: &'static str,
    open: bool,
    metrics: Arc<Metrics>,
}

impl Report {
    fn of(message: &Message, metrics: Arc<Metrics>) -> Self {
        Self {
            pool: message.pool_id.clone(),
            medium: message.medium.name(),
            topic: topic(message.topic),
            open: true,
            metrics,
        }
    }

    fn delivered(mut self) {
        self.open = false;
        self.metrics.message(self.medium, Delivery::Delivered);
        tracing::debug!(pool = self.pool, self.medium, self.topic, "message delivered");
    }

    fn put_off(&self, error: &TransportError) {
        self.metrics.message(self.medium, Delivery::PutOff);
        tracing::info!(pool = self.pool, self.medium, self.topic, %error,
            "message not delivered yet");
    }

    fn lost(mut self, error: &dyn std::fmt::Display) {
        self.open = false;
        self.metrics.message(self.medium, Delivery::Lost);
        tracing::error!(pool = self.pool, self.medium, self.topic, %error, "message not delivered");
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.open {
            self.metrics.message(self.medium, Delivery::Lost);
            let error = "the server ended before";
            tracing::error!(
                pool = self.pool,
                self.medium,
                self.topic,
                error,
                "message not delivered"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{self, Write};
    use std::path::Path;

    use device_pool::{CustomSender, HookError, Medium, NoHooks, Topic};
    use device_store::MemoryStore;
    use serde_json::{Value, json};
    use tokio::time::Instant;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::custom_senders::MAX_AT_A_TIME;
    use crate::unrun_triggers::NoHookSet;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    impl Log {
        fn start() -> (Self, tracing::subscriber::DefaultGuard) {
            let log = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(log.clone());
            (log, tracing::subscriber::set_default(subscriber.with_ansi(false).finish()))
        }

        /// The lines of lost messages. Checks that no secret was logged.
        #[track_caller]
        fn lost(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            assert!(!text.contains("s3cret"), "{text}");
            text.lines().filter(|line| line.contains("ERROR")).map(str::to_owned).collect()
        }
    }

    fn message() -> Message {
        Message {
            pool_id: "eu-test-1_pool".to_owned(),
            username: "s3cret-name".into(),
            medium: Medium::Email,
            destination: "s3cret@example.com".into(),
            topic: Topic::SignUp,
            code: "s3cret-code".into(),
            subject: "s3cret subject".to_owned(),
            body: "s3cret body".into(),
            custom_sender: None,
        }
    }

    /// A queue into a file in `directory`; deliveries fail until that exists.
    fn into(directory: &Path) -> OutboundQueue {
        let email = Transport::File(directory.join("messages"));
        queue(Transports { email, ..Transports::default() }, NoHooks)
    }

    fn queue(transports: Transports, hooks: impl Hooks + 'static) -> OutboundQueue {
        OutboundQueue::new(
            transports,
            Arc::new(hooks),
            Arc::new(MemoryStore::default()),
            Metrics::new(),
        )
    }

    fn arrived(directory: &Path) -> usize {
        fs::read_to_string(directory.join("messages")).unwrap_or_default().lines().count()
    }

    // The clock of these tests jumps to the next timer if nothing else is left to do.

    #[tokio::test(start_paused = true)]
    async fn a_failed_delivery_is_retried_after_growing_waits() {
        let (log, _guard) = Log::start();
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("there");
        let outbound_queue = into(&directory);
        outbound_queue.send(vec![message()]);
        sleep(Duration::from_millis(4500)).await;
        fs::create_dir(&directory).unwrap();
        sleep(Duration::from_millis(400)).await;
        assert_eq!(arrived(&directory), 0, "not before five seconds");
        sleep(Duration::from_millis(200)).await;
        assert_eq!(arrived(&directory), 1);
        outbound_queue.finish().await;
        assert_eq!((arrived(&directory), log.lost().len()), (1, 0), "once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_keeps_failing_is_logged_as_lost() {
        let (log, _guard) = Log::start();
        let parent = tempfile::tempdir().unwrap();
        let outbound_queue = into(&parent.path().join("never"));
        outbound_queue.send(vec![message()]);
        sleep(Duration::from_millis(20_900)).await;
        assert!(log.lost().is_empty());
        sleep(Duration::from_millis(200)).await;
        let lost = log.lost();
        assert_eq!(lost.len(), 1, "{lost:?}");
        for part in ["message not delivered", "eu-test-1_pool", "EMAIL", "SignUp"] {
            assert!(lost[0].contains(part), "{lost:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lasting_failure_is_not_retried() {
        let (log, _guard) = Log::start();
        let outbound_queue = queue(Transports::default(), NoHooks);
        let started = Instant::now();
        outbound_queue.send(vec![message()]);
        outbound_queue.finish().await;
        assert_eq!((log.lost().len(), started.elapsed()), (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_shutdown_waits_for_messages_but_not_for_ever() {
        let (log, _guard) = Log::start();
        let parent = tempfile::tempdir().unwrap();
        let (there, never) = (parent.path().join("there"), parent.path().join("never"));
        let (late, lost) = (into(&there), into(&never));
        late.send(vec![message(), message()]);
        lost.send(vec![message()]);
        sleep(Duration::from_millis(100)).await;
        fs::create_dir(&there).unwrap();
        late.finish().await;
        assert_eq!((arrived(&there), log.lost().len()), (2, 0));

        let started = Instant::now();
        lost.finish().await;
        assert_eq!(started.elapsed(), LAST_MESSAGES);
        assert_eq!(log.lost().len(), 1);
        assert!(log.lost()[0].contains("the server ended before"));
    }

    #[tokio::test(start_paused = true)]
    async fn messages_beyond_a_pools_share_are_lost() {
        const SHARE: usize = MAX_UNDER_WAY / 4 * 3;
        let (log, _guard) = Log::start();
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("there");
        let outbound_queue = into(&directory);
        outbound_queue.send(vec![message(); SHARE + 2]);
        assert_eq!(log.lost().len(), 2);
        let of_another = Message { pool_id: "eu-test-1_other".to_owned(), ..message() };
        outbound_queue.send(vec![of_another]);
        assert_eq!(log.lost().len(), 2, "another pool has its share");
        fs::create_dir(&directory).unwrap();
        sleep(Duration::from_secs(30)).await;
        outbound_queue.send(vec![message()]);
        outbound_queue.finish().await;
        assert_eq!((arrived(&directory), log.lost().len()), (SHARE + 2, 2));
    }

    /// A sender that does not answer the pool of [`message`] before it is told to.
    struct Slow {
        told: Mutex<std::sync::mpsc::Receiver<()>>,
        answered: tokio::sync::mpsc::UnboundedSender<String>,
    }

    impl Hooks for Slow {
        fn call(&self, _: Option<&str>, event: &Value) -> Result<Value, HookError> {
            let pool = event["userPoolId"].as_str().unwrap();
            if pool == message().pool_id {
                // Fails when the other end is dropped.
                let _ = self.told.lock().unwrap().recv();
            }
            self.answered.send(pool.to_owned()).unwrap();
            Ok(json!({}))
        }
    }

    #[tokio::test]
    async fn a_slow_sender_delays_no_other_pool() {
        let (tell, told) = std::sync::mpsc::channel();
        let (answered, mut hears) = tokio::sync::mpsc::unbounded_channel();
        let queue = queue(Transports::default(), Slow { told: Mutex::new(told), answered });
        let of = |pool: &str| {
            let event = json!({"userPoolId": pool});
            let sender = CustomSender { function: "arn".to_owned(), event };
            Message { pool_id: pool.to_owned(), custom_sender: Some(sender), ..message() }
        };
        let slow = message().pool_id;
        queue.send(vec![of(&slow); 2 * MAX_AT_A_TIME]);
        queue.send(vec![of("eu-test-1_other")]);
        assert_eq!(hears.recv().await.unwrap(), "eu-test-1_other");
        drop(tell);
        queue.finish().await;
        for _ in 0..2 * MAX_AT_A_TIME {
            assert_eq!(hears.recv().await.unwrap(), slow);
        }
    }

    /// Hooks that note whom they were called for, and answer with the first result that is left.
    #[derive(Clone, Default)]
    struct Sender {
        called: Arc<Mutex<Vec<String>>>,
        results: Arc<Mutex<Vec<Result<Value, HookError>>>>,
    }

    impl Hooks for Sender {
        fn call(&self, function: Option<&str>, _: &Value) -> Result<Value, HookError> {
            self.called.lock().unwrap().push(function.unwrap().to_owned());
            self.results.lock().unwrap().remove(0)
        }
    }

    fn with_sender() -> Message {
        let sender = CustomSender { function: "arn".to_owned(), event: json!({"code": "s3cret"}) };
        Message { custom_sender: Some(sender), ..message() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_custom_sender_delivers_in_place_of_the_server() {
        let (log, _guard) = Log::start();
        let parent = tempfile::tempdir().unwrap();
        let sender = Sender::default();
        *sender.results.lock().unwrap() = vec![
            Err(HookError::Failed("it took too long".to_owned())),
            Ok(json!({})),
            Err(HookError::Missing),
            Err(HookError::Refused("s3cret".to_owned())),
        ];
        let email = Transport::File(parent.path().join("messages"));
        let transports = Transports { email, ..Transports::default() };
        let queue = queue(transports, sender.clone());
        assert!(queue.has_way_for(&with_sender()));
        let calls = || sender.called.lock().unwrap().len();
        queue.send(vec![with_sender()]);
        queue.finish().await;
        assert_eq!((calls(), arrived(parent.path())), (2, 0), "retried, and not by the server");
        queue.send(vec![with_sender()]);
        queue.finish().await;
        assert_eq!((calls(), arrived(parent.path())), (3, 1), "nothing runs the trigger");
        queue.send(vec![with_sender()]);
        queue.finish().await;
        assert_eq!((calls(), arrived(parent.path())), (4, 1), "a refusal is not retried");
        assert_eq!(log.lost().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_nothing_runs_is_no_way() {
        let (log, _guard) = Log::start();
        assert!(!queue(Transports::default(), NoHooks).has_way_for(&with_sender()));
        let started = Instant::now();
        let queue = queue(Transports::default(), NoHookSet);
        queue.send(vec![with_sender()]);
        queue.finish().await;
        assert_eq!(started.elapsed(), Duration::ZERO, "not retried");
        let lost = log.lost();
        assert!(lost[0].contains("this server was started without a hook"), "{lost:?}");
    }
}
