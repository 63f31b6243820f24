//! `faabric policy`: shows or sets how jobs that do not say are placed.

use crate::cluster::{self, PlannerArgs};
use crate::listing::refusal;
use anyhow::Result;
use faabric_wire::proto::{GetPolicyRequest, PolicyRef};

/// Arguments of `faabric policy`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The new policy: bin-pack or spread; without it the one in force is printed
    policy: Option<String>,
    #[command(flatten)]
    planner: PlannerArgs,
}

/// Gets or sets the planner's policy.
///
/// # Errors
/// When the planner cannot be reached or does not know the policy.
pub(crate) async fn run(args: Args) -> Result<u8> {
    let mut client = cluster::connect(args.planner.url()).await?;
    let reply = match args.policy {
        Some(policy) => client.set_policy(PolicyRef { policy }).await,
        None => client.get_policy(GetPolicyRequest {}).await,
    };
    println!(
        "{}",
        reply
            .map_err(|status| refusal("use the policy", &status))?
            .into_inner()
            .policy
    );
    Ok(0)
}
