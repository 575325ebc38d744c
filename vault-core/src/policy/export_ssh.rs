//! A policy's keys as stock OpenSSH reads them.

use crate::error::{FsError, explain};
use crate::fs::{create_folder, open_named, write_replacing};
use gapvault_formats::names::PersonName;
use gapvault_formats::policy::{Policy, Site};
use gapvault_formats::sshsig::Namespace;
use std::collections::{BTreeSet, HashSet};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Why the files are not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportSshError {
    /// Writing failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Somebody's own file stands there.
    #[error("{} is there already, and is none of a policy's", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
}

explain!(ExportSshError, pass: [Fs], {
    Self::Foreign { .. } => (Usage, Some("nothing was written; name another folder")),
});

/// How both files begin, so that nobody's own are replaced. OpenSSH passes over such lines.
const MARK: &str = "# Of a gapvault policy";

/// The files, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedSsh {
    /// For `ssh-keygen -Y verify -f`.
    pub allowed_signers: PathBuf,
    /// For `ssh-keygen -Y verify -r`.
    pub revoked_keys: PathBuf,
    /// Lines in the first.
    pub allowed: usize,
    /// Lines in the second.
    pub revoked: usize,
}

/// Writes `allowed_signers` and `revoked_keys` into `folder`, which is made if need be.
///
/// They say who may sign what, of all tents together. What OpenSSH has no words for is not in them: tents, how many
/// persons it takes, what a security key must show, and seals that are excepted from a revocation.
pub fn export_ssh(policy: &Policy, folder: &Path) -> Result<ExportedSsh, ExportSshError> {
    let (allowed, revoked) = (allowed_signers(policy), revoked_keys(policy));
    let exported = ExportedSsh {
        allowed_signers: folder.join("allowed_signers"),
        revoked_keys: folder.join("revoked_keys"),
        allowed: allowed.lines().count(),
        revoked: revoked.lines().count(),
    };
    expect_own(&exported.revoked_keys)?;
    expect_own(&exported.allowed_signers)?;
    create_folder(folder, 0o777)?;
    let head = format!("{MARK}, epoch {}.\n", policy.epoch);
    // The revoked keys first: an older list of them beside newer signers would let one through.
    write_replacing(&exported.revoked_keys, (head.clone() + &revoked).as_bytes(), 0o644)?;
    write_replacing(&exported.allowed_signers, (head + &allowed).as_bytes(), 0o644)?;
    Ok(exported)
}

/// Refuses to replace what another program or person wrote.
fn expect_own(path: &Path) -> Result<(), ExportSshError> {
    let mut begins = Vec::new();
    match open_named(path).map(|file| file.map(|file| file.take(MARK.len() as u64).read_to_end(&mut begins))) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        Ok(Some(Ok(_))) if begins == MARK.as_bytes() => Ok(()),
        _ => Err(ExportSshError::Foreign { path: path.to_owned() }),
    }
}

/// What the signatures of a person are good for, in any tent.
fn namespaces(policy: &Policy, person: &PersonName) -> Vec<&'static str> {
    let approves = |of: &[PersonName]| of.contains(person);
    let roles = [
        (Namespace::Seal, policy.tents.iter().any(|tent| tent.exporters.contains(person))),
        (Namespace::Approve, policy.tents.iter().any(|tent| tent.approvals.iter().any(|a| approves(&a.of)))),
        (Namespace::Policy, policy.root.persons.contains(person)),
    ];
    roles.iter().filter(|(_, has)| *has).map(|(namespace, _)| namespace.as_str()).collect()
}

fn allowed_signers(policy: &Policy) -> String {
    let mut lines = String::new();
    for person in &policy.persons {
        let namespaces = namespaces(policy, &person.name).join(",");
        // A line without namespaces would allow them all.
        for key in person.keys.iter().filter(|_| !namespaces.is_empty()) {
            lines.push_str(&format!("{} namespaces=\"{namespaces}\" {key}\n", person.name));
        }
    }
    // What a site's vault seals anew for auditors.
    for Site { name, card_key, .. } in &policy.sites {
        lines.push_str(&format!("{name} namespaces=\"{}\" {card_key}\n", Namespace::Wrap.as_str()));
    }
    lines
}

fn revoked_keys(policy: &Policy) -> String {
    let revoked: HashSet<_> = policy.revocations.iter().map(|revocation| revocation.key.point()).collect();
    // OpenSSH takes another form of a revoked key for another key.
    let forms =
        policy.persons.iter().flat_map(|person| &person.keys).chain(policy.sites.iter().map(|site| &site.card_key));
    let keys = policy.revocations.iter().map(|revocation| &revocation.key).chain(forms);
    let lines: BTreeSet<_> = keys.filter(|key| revoked.contains(&key.point())).map(|key| format!("{key}\n")).collect();
    lines.into_iter().collect()
}
