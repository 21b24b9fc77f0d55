use std::ops::RangeInclusive;
use std::sync::mpsc::channel;

use super::Precedence::{First, Second};
use super::*;

const MS: Duration = Duration::from_millis(1);

fn limits(max_computing: usize, max_wait: Duration) -> Limits {
    Limits { max_computing, max_in_flight: 4, max_wait, ..Limits::default() }
}

/// Two turns and four calls in flight, and a time that tests set.
struct World {
    state: State<u32>,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self { state: State::new(&limits(2, 100 * MS)), now: Instant::now() }
    }

    /// Which call starts when `call` arrives.
    fn arrive(&mut self, precedence: Precedence, call: u32) -> Option<u32> {
        self.state.arrive(precedence, call, self.now).expect("the call is not refused")
    }

    fn all_arrive(&mut self, precedence: Precedence, calls: RangeInclusive<u32>) {
        for call in calls {
            let _ = self.arrive(precedence, call);
        }
    }

    fn pass_on(&mut self) -> Option<u32> {
        self.state.pass_on(self.now)
    }

    fn lend(&mut self, what: WaitsFor) -> Option<u32> {
        self.state.lend(what, || self.now)
    }

    fn waiting(&self) -> (usize, usize) {
        (self.state.first.len(), self.state.second.len())
    }
}

#[test]
fn calls_beyond_the_turns_wait_in_order() {
    let mut world = World::new();
    let started = [1, 2, 3, 4].map(|call| world.arrive(Second, call));
    assert_eq!(started, [Some(1), Some(2), None, None]);
    assert_eq!(world.pass_on(), Some(3));
    assert_eq!(world.pass_on(), Some(4));
    assert_eq!(world.pass_on(), None);
    assert_eq!(world.pass_on(), None);
    assert_eq!(world.arrive(Second, 5), Some(5), "the turns were given back");
}

#[test]
fn calls_that_waited_too_long_are_dropped() {
    let mut world = World::new();
    world.all_arrive(Second, 1..=22);
    world.now += 60 * MS;
    world.all_arrive(First, 23..=23);
    world.now += 39 * MS;
    world.state.expire(world.now);
    assert_eq!(world.waiting(), (1, 20), "none has waited too long");
    world.now += MS;
    world.state.expire(world.now);
    assert_eq!(world.waiting(), (1, 15), "sixteen may wait longer");
    assert_eq!(world.pass_on(), Some(23));
    assert_eq!(world.pass_on(), Some(8), "the first five were dropped");
}

#[test]
fn calls_without_precedence_are_dropped_first() {
    let mut world = World::new();
    world.all_arrive(Second, 1..=2);
    world.all_arrive(First, 3..=20);
    world.all_arrive(Second, 21..=23);
    world.now += 100 * MS;
    world.state.expire(world.now);
    assert_eq!(world.waiting(), (16, 0));
    assert_eq!(world.pass_on(), Some(5));
}

#[test]
fn a_free_turn_is_had_without_patience() {
    let mut state = State::new(&limits(1, Duration::ZERO));
    let now = Instant::now();
    assert_eq!(state.arrive(Second, 1, now), Some(Some(1)));
    assert_eq!(state.arrive(Second, 2, now), Some(None));
    assert_eq!(state.pass_on(now), Some(2));
}

#[test]
fn a_call_with_precedence_overtakes_others() {
    let mut world = World::new();
    world.all_arrive(Second, 1..=3);
    world.all_arrive(First, 4..=5);
    assert_eq!([(); 3].map(|()| world.pass_on()), [Some(4), Some(5), Some(3)]);
}

#[test]
fn one_of_sixteen_calls_has_no_precedence() {
    let mut state = State::new(&limits(1, 100 * MS));
    let now = Instant::now();
    for call in 0..40 {
        let _ = state.arrive(First, (First, call), now);
        let _ = state.arrive(Second, (Second, call), now);
    }
    let seconds: Vec<usize> = (1..40)
        .filter(|_| state.pass_on(now).is_some_and(|(precedence, _)| precedence == Second))
        .collect();
    assert_eq!(seconds, [15, 31]);
}

#[test]
fn a_call_that_waits_for_the_store_lends_its_turn() {
    let mut world = World::new();
    world.all_arrive(Second, 1..=4);
    assert_eq!(world.lend(WaitsFor::Store), Some(3));
    world.state.take_back(WaitsFor::Store);
    assert_eq!(world.state.computing, 3, "it goes on at once");
    assert_eq!(world.pass_on(), None);
    assert_eq!(world.pass_on(), Some(4));
}

#[test]
fn calls_that_wait_for_the_store_are_in_flight() {
    let mut world = World::new();
    for call in 1..=4 {
        assert_eq!(world.arrive(First, call), Some(call));
        assert_eq!(world.lend(WaitsFor::Store), None);
    }
    assert_eq!(world.state.arrive(First, 5, world.now), None, "refused at once");
}

#[test]
fn eight_calls_are_started_for_each_turn() {
    let mut state = State::new(&Limits { max_in_flight: 99, ..limits(1, 100 * MS) });
    let now = Instant::now();
    for call in 1..=8 {
        assert_eq!(state.arrive(First, call, now), Some(Some(call)));
        assert_eq!(state.lend(WaitsFor::Store, || now), None);
    }
    assert_eq!(state.arrive(First, 9, now), Some(None), "it waits, and is not refused");
    state.take_back(WaitsFor::Store);
    assert_eq!(state.pass_on(now), Some(9));
}

#[test]
fn calls_that_wait_for_a_hook_are_not_in_flight() {
    let mut world = World::new();
    for call in 1..=9 {
        assert_eq!(world.arrive(Second, call), Some(call));
        assert_eq!(world.lend(WaitsFor::Hook), None);
    }
    assert_eq!((world.state.computing, world.state.in_flight), (0, 0));
    world.state.take_back(WaitsFor::Hook);
    assert_eq!((world.state.computing, world.state.in_flight), (1, 1));
}

#[test]
fn sign_ins_are_told_from_what_goes_on_with_them() {
    let flow = |flow: &str| format!(r#"{{"ClientId":"c","AuthFlow":"{flow}"}}"#);
    let twice = r#"{"AuthFlow":"REFRESH_TOKEN_AUTH","AuthFlow":"USER_SRP_AUTH"}"#.to_owned();
    let long = format!("{}{}", flow("REFRESH_TOKEN_AUTH"), " ".repeat(MAX_SEARCHED));
    let in_text = r#"{"ClientMetadata":{"AuthFlow":"REFRESH_TOKEN_AUTH"}}"#.to_owned();
    for (operation, body, precedence) in [
        (Operation::InitiateAuth, flow("USER_SRP_AUTH"), Second),
        (Operation::InitiateAuth, flow("REFRESH_TOKEN_AUTH"), First),
        (Operation::AdminInitiateAuth, flow("REFRESH_TOKEN"), First),
        (Operation::InitiateAuth, twice, Second),
        (Operation::InitiateAuth, long, Second),
        (Operation::InitiateAuth, in_text, Second),
        (Operation::InitiateAuth, String::new(), Second),
        (Operation::RespondToAuthChallenge, String::new(), First),
        (Operation::RevokeToken, String::new(), First),
        (Operation::SignUp, String::new(), Second),
        (Operation::ListDevices, String::new(), Second),
    ] {
        assert_eq!(Precedence::of(operation, body.as_bytes()), precedence, "{operation} {body}");
    }
}

fn admission(max_computing: usize, max_wait: Duration) -> Arc<Admission> {
    Admission::new(&limits(max_computing, max_wait))
}

#[tokio::test]
async fn work_that_panics_gives_its_turn_back() {
    let admission = admission(1, Duration::ZERO);
    for _ in 0..9 {
        let failed = admission.run(Second, || panic!("on purpose")).await.unwrap_err();
        assert_eq!(*failed.code(), ErrorCode::InternalError);
    }
    assert_eq!(admission.run(Second, || 7).await.unwrap(), 7);
}

#[tokio::test]
async fn calls_wait_for_a_turn_that_is_held() {
    let admission = admission(1, Duration::ZERO);
    let ((begins, begun), (end, ended)) = (channel(), channel::<()>());
    let call = |work: Box<dyn FnOnce() + Send>| {
        let admission = Arc::clone(&admission);
        tokio::spawn(async move { admission.run(Second, work).await })
    };
    let mut calls = vec![call(Box::new(move || {
        begins.send(()).unwrap();
        let _ = ended.recv();
    }))];
    spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    calls.extend((0..SPARED_PER_TURN).map(|_| call(Box::new(|| ()))));
    tokio::task::yield_now().await;
    calls.push(call(Box::new(|| ())));
    let refused = calls.remove(1).await.unwrap().unwrap_err();
    assert_eq!(*refused.code(), ErrorCode::TooManyRequests, "the oldest");
    drop(end);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_turn_is_lent_while_its_call_waits() {
    let admission = admission(1, 60_000 * MS);
    let (end, ended) = channel();
    let waits = admission.run(Second, move || {
        lending_turn(WaitsFor::Store, || ended.recv().unwrap());
        lending_turn(WaitsFor::Hook, || 7)
    });
    let ends = admission.run(Second, move || end.send(()).unwrap());
    let (waited, ended) = tokio::join!(waits, ends);
    assert_eq!(waited.unwrap(), 7);
    ended.unwrap();
    for _ in 0..9 {
        admission.run(Second, || ()).await.unwrap();
    }
}
