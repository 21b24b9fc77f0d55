//! Work on other tasks and threads.

use tokio::task::JoinHandle;

/// Computes on a blocking thread: a proof takes milliseconds, and other tasks must not wait for it.
pub(crate) async fn off_the_worker<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    join_task(tokio::task::spawn_blocking(work)).await
}

/// Waits for a task of ours, and propagates its panic.
pub(crate) async fn join_task<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
