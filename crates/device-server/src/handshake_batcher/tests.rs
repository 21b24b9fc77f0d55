use std::panic::catch_unwind;
use std::sync::mpsc::TryRecvError;

use super::*;

/// A number's square, which stands for a handshake, and the batch that computed it.
type Squares = Queue<u32, (u32, Vec<u32>)>;
type Waiting = Receiver<Turn<u32, (u32, Vec<u32>)>>;

/// Batches of three or four are faster, and up to six jobs may wait.
fn queue(at_once: usize) -> Squares {
    Queue { at_once, max_waiting: 6, batches: 3..=4, ..Queue::new(0) }
}

fn square(jobs: &[u32]) -> Vec<(u32, Vec<u32>)> {
    jobs.iter().map(|job| (job * job, jobs.to_vec())).collect()
}

/// Queues each of `jobs`, in this order.
fn enter<const N: usize>(queue: &Squares, jobs: [u32; N]) -> [Waiting; N] {
    jobs.map(|job| queue.enter(job).unwrap())
}

fn waits(waiting: &Waiting) -> bool {
    matches!(waiting.try_recv(), Err(TryRecvError::Empty))
}

/// Acts as the owner of `waiting`, which has a message: its result, and the batch that computed it.
fn proceed(queue: &Squares, waiting: &Waiting) -> (u32, Vec<u32>) {
    queue.take(waiting.try_recv().unwrap(), square).unwrap()
}

#[test]
fn a_call_without_load_computes_at_once_and_alone() {
    let queue = queue(1);
    for job in [2, 3] {
        let [lone] = enter(&queue, [job]);
        assert_eq!(proceed(&queue, &lone), (job * job, vec![job]));
    }
}

#[test]
fn as_many_jobs_compute_as_there_are_cores() {
    let queue = queue(2);
    let [a, b, c] = enter(&queue, [1, 2, 3]);
    assert!(waits(&c));
    assert_eq!(proceed(&queue, &b), (4, vec![2]));
    assert_eq!(proceed(&queue, &c), (9, vec![3]), "while the first is still at it");
    assert_eq!(proceed(&queue, &a), (1, vec![1]));
}

#[test]
fn too_few_jobs_for_a_batch_compute_one_by_one_in_order() {
    let queue = queue(1);
    let [a, b, c] = enter(&queue, [1, 2, 3]);
    assert_eq!(proceed(&queue, &a), (1, vec![1]));
    assert!(waits(&c));
    assert_eq!(proceed(&queue, &b), (4, vec![2]));
    assert_eq!(proceed(&queue, &c), (9, vec![3]));
}

#[test]
fn a_batch_gives_each_job_its_own_result() {
    let queue = queue(1);
    let [a, first, others @ ..] = enter(&queue, [1, 2, 3, 4, 5, 6, 7]);
    proceed(&queue, &a);
    assert!(others.iter().all(waits));
    assert_eq!(proceed(&queue, &first), (4, vec![2, 3, 4, 5]));
    let [c, d, e, f, g] = others;
    for (done, result) in [(&e, 25), (&c, 9), (&d, 16)] {
        assert_eq!(proceed(&queue, done), (result, vec![2, 3, 4, 5]));
    }
    assert!(waits(&g));
    assert_eq!(proceed(&queue, &f), (36, vec![6]), "two are too few");
    assert_eq!(proceed(&queue, &g), (49, vec![7]));
}

#[test]
fn a_job_beyond_the_limit_is_refused_until_there_is_room() {
    let queue = queue(1);
    let entered = enter(&queue, [1, 2, 3, 4, 5, 6, 7]);
    let refusal = queue.enter(8).unwrap_err();
    assert_eq!(refusal.to_string(), "TooManyRequestsException: Too many requests");
    let [a, b, ..] = &entered;
    proceed(&queue, a);
    let [h] = enter(&queue, [8]);
    assert_eq!(proceed(&queue, b).1, [2, 3, 4, 5]);
    assert!(waits(&h));
}

#[test]
fn a_job_that_panics_affects_no_other() {
    let compute = |jobs: &[u32]| if jobs.contains(&13) { panic!("13") } else { square(jobs) };
    for jobs in [[13, 2, 3], [2, 13, 3], [2, 3, 13]] {
        let queue = queue(1);
        let [first] = enter(&queue, [1]);
        let batch = enter(&queue, jobs);
        proceed(&queue, &first);
        for (job, waiting) in jobs.into_iter().zip(&batch) {
            let turn = waiting.try_recv().unwrap();
            let outcome = catch_unwind(AssertUnwindSafe(|| queue.take(turn, compute)));
            assert_eq!(
                outcome.ok().map(Result::unwrap),
                (job != 13).then(|| (job * job, vec![job]))
            );
        }
        let [next] = enter(&queue, [4]);
        assert_eq!(proceed(&queue, &next), (16, vec![4]), "the turn was passed on");
    }
}

#[test]
fn many_threads_get_their_own_results() {
    let queue = Queue { max_waiting: 64, ..queue(2) };
    thread::scope(|scope| {
        for job in 0..64 {
            let queue = &queue;
            scope.spawn(move || assert_eq!(queue.run(job, square).unwrap().0, job * job));
        }
    });
    let state = queue.lock();
    assert_eq!((state.computing, state.waiting.len()), (0, 0));
}

#[test]
fn of_handshakes_that_come_together_the_right_ones_pass() {
    use device_srp::{ClientEphemeral, Identity, Salt};
    use rand::{SeedableRng, rngs::StdRng};

    let mut rng = StdRng::seed_from_u64(5);
    let (identity, salt) = (Identity::user("pool", "user"), Salt::random(&mut rng));
    let verifier = || Verifier::derive(&identity, "password", &salt);
    let handshake_batcher = HandshakeBatcher::new(64);
    let sign_in = |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let client = ClientEphemeral::generate(&mut rng);
        let server = handshake_batcher.open(verifier(), &mut rng).unwrap();
        // Every other one is by somebody who does not know the password.
        let is_right = seed % 2 == 0;
        let password = if is_right { "password" } else { "passwore" };
        let key = client.session_key(&identity, password, &salt, server.public()).unwrap();
        let proof = key.sign(&identity, b"block", "now");
        let key = handshake_batcher
            .session_key(server, verifier(), client.public().clone())
            .unwrap()
            .unwrap();
        assert_eq!(key.verify(&identity, b"block", "now", &proof).is_ok(), is_right, "{seed}");
    };
    thread::scope(|scope| {
        for seed in 0..24 {
            let sign_in = &sign_in;
            scope.spawn(move || sign_in(seed));
        }
    });
}
