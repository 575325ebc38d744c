//! `gapvault policy show`

use super::human;
use crate::cli::Global;
use crate::failure::Failure;
use crate::ui::Ui;
use gapvault_core::formats::ids::PolicyDigest;
use gapvault_core::formats::policy::Policy;
use gapvault_core::policy::Proposal;
use gapvault_core::vault::Access;
use serde::Serialize;

/// Show a policy: who may do what in each tent, and what it takes.
///
/// The policy in force, if nothing else is asked for.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  gapvault --vault lab policy show
  gapvault --vault lab policy show --proposed
  gapvault --vault lab policy show --epoch 3 --toml > policy-3.toml")]
pub(super) struct ShowPolicyArgs {
    /// The policy that was in force at this epoch
    #[arg(long, value_name = "N", conflicts_with = "proposed")]
    epoch: Option<u64>,
    /// The working copy
    #[arg(long)]
    proposed: bool,
    /// Print the file itself, to the byte
    #[arg(long, conflicts_with = "json")]
    toml: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    digest: PolicyDigest,
    in_force: bool,
    policy: &'a Policy,
}

pub(super) fn run(args: &ShowPolicyArgs, global: &Global, ui: &Ui) -> Result<(), Failure> {
    let vault = global.open(Access::Read)?;
    let (bytes, policy) = if args.proposed {
        let proposal = Proposal::read(Some(&vault), None)?;
        (proposal.bytes, proposal.policy)
    } else {
        let epoch = args.epoch.unwrap_or(vault.policy().epoch);
        vault.policy_at(epoch)?.ok_or_else(|| {
            let now = vault.policy().epoch;
            Failure::usage(format!("no policy of epoch {epoch} was in force"), format!("epochs go from 1 to {now}"))
        })?
    };
    let digest = PolicyDigest::of(&bytes);
    if args.toml {
        let text = String::from_utf8(bytes).unwrap_or_else(|_| unreachable!("what was parsed is text"));
        return ui.result(&(), &text);
    }
    let in_force = policy == *vault.policy();
    let standing = match (in_force, args.proposed) {
        (true, _) => "in force",
        (false, true) => "proposed",
        (false, false) => "was in force",
    };
    let human = format!("policy epoch {}, {standing}, digest {digest}\n\n{}", policy.epoch, human::describe(&policy));
    ui.result(&Shown { digest, in_force, policy: &policy }, &human)
}
