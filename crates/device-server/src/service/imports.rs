//! Import jobs: their files, and running them in the background.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use device_pool::{Invocation, ServiceError};
use device_wire::{Operation, Sensitive};
use serde_json::Value;

use super::Service;
use crate::admission::Precedence;
use crate::constraint;

impl Service {
    /// Keeps the file of an import job.
    pub(crate) async fn put_import_file(
        self: &Arc<Self>,
        pool_id: String,
        token: String,
        body: Body,
        source_ip: Option<IpAddr>,
    ) -> Result<(), ServiceError> {
        let body = self.body_memory.receive(body, source_ip).await?;
        self.as_call(Precedence::Second, move |service| {
            let text = std::str::from_utf8(body.bytes())
                .map_err(|_| constraint::unreadable("The file is not UTF-8."))?;
            let mut rng = service.entropy.generator();
            let mut invocation = Invocation::new(service.moment(), &mut *rng);
            let csv = Sensitive::from(text);
            service.engine.put_import_file(&pool_id, &token, &csv, &mut invocation)
        })
        .await
    }

    /// Runs the import job that a call has started.
    pub(crate) fn follow_up(self: &Arc<Self>, operation: Operation, answer: Option<&Value>) {
        if operation != Operation::StartUserImportJob || answer.is_none() {
            return;
        }
        let service = Arc::clone(self);
        tokio::spawn(async move { service.run_imports().await });
    }

    /// Runs all import jobs that were started, one after the other. Failures are logged, and hold
    /// up no other job.
    pub(crate) async fn run_imports(self: &Arc<Self>) {
        // One call at a time: the next one finds nothing left to do.
        let _running = self.imports.lock().await;
        let ran = self.off_the_workers(|service| {
            for (pool_id, job_id) in service.engine.unfinished_imports()? {
                let mut rng = service.entropy.generator();
                let mut invocation = Invocation {
                    administrator: Some(job_id.clone()),
                    ..Invocation::new(service.moment(), &mut *rng)
                };
                if let Err(error) = service.engine.import_users(&pool_id, &job_id, &mut invocation)
                {
                    let cause = error.detail();
                    tracing::error!(
                        pool = pool_id,
                        job = job_id,
                        cause,
                        "an import of users was interrupted"
                    );
                }
            }
            Ok(())
        });
        if let Err(error) = ran.await {
            tracing::error!(cause = error.detail(), "import jobs cannot be read");
        }
    }
}
