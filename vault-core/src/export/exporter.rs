//! Who exports: the person and the key that the seal names, and that key's signature.

use super::ExportError;
use crate::bundle::join;
use crate::observe::{Event, Observer, Phase};
use crate::sign::{SignError, Signer};
use crate::vault::Vault;
use gapvault_formats::names::{PersonName, TentName};
use gapvault_formats::policy::Tent;
use gapvault_formats::sshsig::{Namespace, PublicKey, Signature, Touch};

/// Who exports.
#[derive(Clone, Debug)]
pub(super) struct Exporter {
    pub(super) person: PersonName,
    pub(super) key: PublicKey,
    tent: TentName,
    /// What the tent wants signatures to show.
    needs: Touch,
}

impl Exporter {
    /// The person with the signer's key, whom the policy must allow to export to the tent.
    pub(super) fn find(vault: &Vault, signer: &dyn Signer, tent: &Tent) -> Result<Self, ExportError> {
        let (policy, key) = (vault.policy(), signer.public().clone());
        let person = policy.person_of(&key).ok_or_else(|| ExportError::UnknownKey { key: key.fingerprint() })?;
        let (person, tent_name) = (person.name.clone(), tent.name.clone());
        if !tent.exporters.contains(&person) {
            let exporters = join(&tent.exporters);
            return Err(ExportError::NotAnExporter { person, tent: tent_name, exporters });
        }
        if policy.is_revoked(&key, None) {
            return Err(ExportError::RevokedKey { key: key.fingerprint(), person });
        }
        if tent.signatures != Touch::Any && !key.is_security_key() {
            return Err(ExportError::NotShown { tent: tent_name });
        }
        Ok(Self { person, key, tent: tent_name, needs: tent.signatures })
    }

    /// The one signature over the seal that a bundle takes.
    pub(super) fn sign(
        &self,
        signer: &dyn Signer,
        seal: &[u8],
        observer: &dyn Observer,
    ) -> Result<String, ExportError> {
        let sign = || match signer.sign(Namespace::Seal, seal) {
            Err(SignError::Interrupted) => Err(ExportError::Interrupted),
            signed => Ok(signed?),
        };
        let armoured = if signer.asks() {
            observer.event(Event::Begin { phase: Phase::Sign, total: 0, medium: None });
            let signed = sign();
            observer.event(Event::End { medium: None });
            signed?
        } else {
            sign()?
        };
        let shown = Signature::parse(armoured.as_bytes()).map_err(SignError::Answer)?.shown();
        if self.needs.is_met_by(shown) { Ok(armoured) } else { Err(ExportError::NotShown { tent: self.tent.clone() }) }
    }
}
