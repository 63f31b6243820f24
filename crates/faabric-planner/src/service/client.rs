//! What clients may ask: parse, one [`Input`], map the result.

use super::attach::{self, JobEvents};
use super::core::{Core, Input};
use super::{convert, validate};
use crate::modules;
use faabric_wire::id::JobId;
use faabric_wire::proto::{
    AttachRequest, CancelReply, CancelRequest, GetPolicyRequest, JobRef, JobSpec, JobsReply,
    JobsRequest, ModuleChunk, ModuleRef, PolicyRef, WorkersReply, WorkersRequest,
    planner_server::Planner,
};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// The gRPC service that clients, and workers for modules, connect to.
pub(super) struct Client {
    core: Core,
    stopped: watch::Receiver<bool>,
}

impl Client {
    pub(super) fn new(core: Core, stopped: watch::Receiver<bool>) -> Self {
        Self { core, stopped }
    }
}

impl From<modules::Error> for Status {
    fn from(error: modules::Error) -> Self {
        let message = error.to_string();
        match error {
            modules::Error::TooLarge { .. } => Self::invalid_argument(message),
            modules::Error::Write { .. } => Self::resource_exhausted(message),
            modules::Error::Read { .. } => Self::internal(message),
            modules::Error::Damaged { .. } => Self::data_loss(message),
        }
    }
}

fn not_stored(hash: &str) -> Status {
    Status::not_found(format!("module {hash} is not stored: upload it first"))
}

#[tonic::async_trait]
impl Planner for Client {
    type GetModuleStream = ReceiverStream<Result<ModuleChunk, Status>>;
    type AttachStream = JobEvents;

    #[tracing::instrument(skip_all, err(level = "debug"))]
    async fn put_module(
        &self,
        request: Request<Streaming<ModuleChunk>>,
    ) -> Result<Response<ModuleRef>, Status> {
        let mut chunks = request.into_inner();
        let mut upload = self.core.modules.upload().await?;
        while let Some(chunk) = chunks.message().await? {
            upload.write(&chunk.data).await?;
        }
        let hash = upload.finish().await?;
        Ok(Response::new(ModuleRef { hash }))
    }

    #[tracing::instrument(skip_all, fields(hash = request.get_ref().hash), err(level = "debug"))]
    async fn get_module(
        &self,
        request: Request<ModuleRef>,
    ) -> Result<Response<Self::GetModuleStream>, Status> {
        let hash = request.into_inner().hash;
        if !modules::is_hash(&hash) {
            return Err(Status::invalid_argument("hash: 64 hexadecimal digits"));
        }
        let download = self.core.modules.download(&hash).await?;
        let mut download = download.ok_or_else(|| not_stored(&hash))?;
        let (send, receive) = mpsc::channel(2);
        tokio::spawn(async move {
            loop {
                let chunk = match download.next().await {
                    Ok(Some(data)) => Ok(ModuleChunk { data }),
                    Ok(None) => return,
                    Err(error) => Err(error.into()),
                };
                let last = chunk.is_err();
                if send.send(chunk).await.is_err() || last {
                    return; // nobody reads any more
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receive)))
    }

    #[tracing::instrument(skip_all, fields(name = request.get_ref().name), err(level = "debug"))]
    async fn submit(&self, request: Request<JobSpec>) -> Result<Response<JobRef>, Status> {
        let spec = request.into_inner();
        validate::job_spec(&spec)?;
        if !self.core.modules.has(&spec.module) {
            return Err(not_stored(&spec.module));
        }
        let spec = Arc::new(spec);
        let job = self.core.ask(|reply| Input::Submit { spec, reply }).await?;
        Ok(Response::new(JobRef { job: job.0 }))
    }

    #[tracing::instrument(skip_all, err(level = "debug"))]
    async fn attach(
        &self,
        request: Request<Streaming<AttachRequest>>,
    ) -> Result<Response<JobEvents>, Status> {
        let events = attach::start(&self.core, request.into_inner(), self.stopped.clone());
        Ok(Response::new(events.await?))
    }

    async fn jobs(&self, request: Request<JobsRequest>) -> Result<Response<JobsReply>, Status> {
        let request = request.into_inner();
        let jobs = self
            .core
            .ask(|reply| Input::Jobs { request, reply })
            .await?;
        Ok(Response::new(JobsReply { jobs }))
    }

    #[tracing::instrument(skip_all, fields(job = request.get_ref().job), err(level = "debug"))]
    async fn cancel(
        &self,
        request: Request<CancelRequest>,
    ) -> Result<Response<CancelReply>, Status> {
        let CancelRequest { job, reason } = request.into_inner();
        let job = JobId(job);
        let cancel = |reply| Input::Cancel { job, reason, reply };
        let job = self.core.ask(cancel).await?;
        Ok(Response::new(CancelReply { job: Some(job) }))
    }

    async fn workers(&self, _: Request<WorkersRequest>) -> Result<Response<WorkersReply>, Status> {
        let workers = self.core.ask(|reply| Input::Workers { reply }).await?;
        let workers = workers.into_iter().map(convert::worker_info).collect();
        Ok(Response::new(WorkersReply { workers }))
    }

    #[tracing::instrument(skip_all, fields(policy = request.get_ref().policy), err(level = "debug"))]
    async fn set_policy(&self, request: Request<PolicyRef>) -> Result<Response<PolicyRef>, Status> {
        let policy = request.into_inner().policy;
        validate::policy_name("policy", &policy)?;
        let set = |reply| Input::SetPolicy { policy, reply };
        let policy = self.core.ask(set).await?;
        Ok(Response::new(PolicyRef { policy }))
    }

    async fn get_policy(
        &self,
        _: Request<GetPolicyRequest>,
    ) -> Result<Response<PolicyRef>, Status> {
        let policy = self.core.ask(|reply| Input::GetPolicy { reply }).await?;
        Ok(Response::new(PolicyRef { policy }))
    }
}
