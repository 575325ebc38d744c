//! Verifying a bundle where it stands: signatures, then every byte. Needs no decryption key, writes nothing.

use crate::bundle::{
    Addressed, Arrival, Bundle, BundleError, JudgeError, Purpose, SealReadError, SealedBundle, check_listing, deliver,
    judge, unjudged,
};
use crate::error::explain;
use crate::fs::Aligned;
use crate::observe::{Event, Observer, Phase};
use crate::vault::Vault;
use gapvault_formats::names::PersonName;
use gapvault_formats::seal::{Seal, Subject};

/// Why a bundle does not verify.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The policy does not admit it; nothing but its seal was read.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// Its seal or a signature is damaged.
    #[error(transparent)]
    Seal(#[from] SealReadError),
    /// A file is missing, damaged or one too many.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// No seal yet.
    #[error("bundle {label} has no seal")]
    Unsealed {
        /// Its label.
        label: String,
    },
}

explain!(VerifyError, pass: [Judge, Seal, Bundle], {
    Self::Unsealed { .. } => (Incomplete, Some("its export broke off, or another volume of it carries the seal: bring that one")),
});

/// A bundle that verified.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Its seal and signatures.
    pub sealed: SealedBundle,
    /// What the seal says.
    pub seal: Seal,
    /// What the policy says; `None` if trust was not judged.
    pub trust: Option<Trust>,
}

/// What a policy says of a bundle that it admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Whose signature counted.
    pub exporter: PersonName,
    /// For which tent and sites.
    pub addressed: Addressed,
    /// By which rule.
    pub rule: String,
    /// Whether this vault holds it already.
    pub admitted: bool,
}

/// Judges a bundle by the policy of `vault`, or by none, and then reads every byte of it.
pub fn verify(vault: Option<&Vault>, bundle: &Bundle, observer: &dyn Observer) -> Result<Verified, VerifyError> {
    if !bundle.is_sealed() {
        return Err(VerifyError::Unsealed { label: bundle.label().to_string() });
    }
    let (sealed, seal, trust) = match vault {
        Some(vault) => {
            let judged = judge(vault, bundle, Purpose::Look)?;
            let trust = Trust {
                exporter: judged.exporter,
                addressed: judged.addressed,
                rule: judged.rule,
                admitted: judged.admitted,
            };
            (judged.sealed, judged.seal, Some(trust))
        }
        None => {
            let (sealed, seal) = unjudged(bundle)?;
            (sealed, seal, None)
        }
    };
    check_listing(bundle, &seal, &sealed)?;
    observer.event(Event::Begin { phase: Phase::Verify, total: seal.total_size(), medium: None });
    let subjects: Vec<_> = seal.subjects().iter().collect();
    deliver::<VerifyError>(&bundle.folder, &seal, &subjects, observer, &mut Discard)?;
    observer.event(Event::End { medium: None });
    Ok(Verified { sealed, seal, trust })
}

/// Verified files go nowhere.
struct Discard;

impl Arrival<VerifyError> for Discard {
    fn block(&mut self, _: &Subject, _: &mut Aligned) -> Result<(), VerifyError> {
        Ok(())
    }
    fn complete(&mut self, _: &Subject) -> Result<(), VerifyError> {
        Ok(())
    }
}
