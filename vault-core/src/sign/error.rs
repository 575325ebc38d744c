//! Why nothing was signed.

use crate::error::{Explain, FsError, Kind};
use gapvault_formats::ids::KeyFingerprint;
use gapvault_formats::sshsig::SshError;
use std::path::PathBuf;

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key's file can't be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The file has no key that gapvault takes.
    #[error("{} has no OpenSSH key of a type that gapvault takes", path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// A key without help failed.
    #[error("can't sign: {0}")]
    Own(SshError),
    /// There is no `ssh-keygen`.
    #[error("ssh-keygen is needed to sign with {}, and it is not installed here", path.display())]
    NoKeygen {
        /// The key's file.
        path: PathBuf,
    },
    /// `ssh-keygen` could not be run or talked to.
    #[error("can't run ssh-keygen: {0}")]
    Run(std::io::Error),
    /// A key in a file did not sign.
    #[error("ssh-keygen did not sign with {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
    },
    /// A security key did not sign.
    #[error("the security key of {} did not sign", path.display())]
    SecurityKey {
        /// The key's file.
        path: PathBuf,
    },
    /// ssh-agent did not sign.
    #[error("ssh-agent did not sign with key {key}")]
    Agent {
        /// Which key.
        key: KeyFingerprint,
    },
    /// What came back is not what was asked for.
    #[error("what ssh-keygen signed counts for nothing: {0}")]
    Answer(SshError),
    /// Somebody asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl SignError {
    /// What a person can do next.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoKey { .. } => {
                "name the file of an ECDSA P-256 or Ed25519 key, of a security key of these (sk-), or its .pub file; RSA keys are not taken"
            }
            Self::NoKeygen { .. } => "install OpenSSH's client programs (package openssh-client)",
            Self::File { .. } => "was the passphrase right? what ssh-keygen says about it stands above",
            Self::SecurityKey { .. } => {
                "plug it in, touch it while it blinks, give its PIN if it asks; what ssh-keygen says about it stands above"
            }
            Self::Agent { .. } => {
                "`ssh-add -L` shows the keys that the agent has, `ssh-add FILE` gives it one, `ssh-add -s LIBRARY` those of a card"
            }
            Self::Answer(SshError::NoPresence) => {
                "make the security key ask for a touch: a key made with `-O no-touch-required` signs for whoever has its host"
            }
            Self::Answer(_) => "is the ssh-keygen that is run OpenSSH's own?",
            Self::Fs(_) | Self::Own(_) | Self::Run(_) | Self::Interrupted => return None,
        })
    }
}

impl Explain for SignError {
    fn kind(&self) -> Kind {
        match self {
            Self::Fs(error) => error.kind(),
            Self::NoKey { .. } => Kind::Usage,
            Self::Answer(SshError::NoPresence) => Kind::Refused,
            _ => Kind::Other,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Fs(error) => error.hint(),
            _ => self.advice().map(str::to_owned),
        }
    }
}
