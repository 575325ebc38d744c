//! Approving what a vault made or holds, after its identity was renewed: it opens by the wraps, and the vault knows its own
//! earlier card.

use crate::rekey_identity::rekey;
use crate::support::approvers::{Approvers, digest};
use crate::support::hostile::{Forge, entry};
use crate::support::{Run, run, snapshot};
use ciborium::Value;
use gapvault_formats::agefile::Identity;
use std::path::Path;

const OF: [&str; 3] = ["bob", "carol", "dave"];

/// Everybody in the catalogue is known.
#[track_caller]
fn approved(run: Run) {
    let told = run.expect(0).json();
    let known = told["readers"].as_array().unwrap().iter().all(|reader| reader["known"] == true);
    assert!(known && told["artifacts"][0]["artifact"]["name"] == "model", "{told:#}");
}

#[test]
fn what_a_vault_made_is_approved_after_its_identity_was_renewed() {
    let approvers = Approvers::new(3, &OF);
    let gap = &approvers.gap;
    let id = digest(&gap.export_sample());
    let held = Path::new(&id[..12]);
    rekey(&gap.lab, &["--identity"]).expect(0);
    approved(approvers.approve(&gap.lab, "bob", held, &id));
    assert_eq!(rekey(&gap.lab, &["--forget-old"]).expect(0).json()["forgotten"], 2);
    // Neither the vault's copy nor that on the medium is sealed to what it has now; the wraps are.
    approved(approvers.approve(&gap.lab, "carol", held, &id));
    approved(approvers.approve(&gap.lab, "dave", &gap.stick, &id));
    let mut bring = gap.lab.command(["export", "--again", &id[..12], "--approvals", "--to"]);
    run(bring.arg(&gap.stick)).expect(0);
    gap.import().expect(0);
}

#[test]
fn what_a_vault_holds_is_approved_after_its_identity_was_renewed() {
    let approvers = Approvers::new(1, &OF);
    let gap = &approvers.gap;
    let id = digest(&gap.export_sample());
    approvers.approve(&gap.lab, "bob", &gap.stick, &id).expect(0);
    gap.import().expect(0);
    // Twice, so that neither the policy in force nor an identity has the card that the catalogue names.
    for _ in 0..2 {
        rekey(&gap.cluster, &["--identity"]).expect(0);
    }
    approved(approvers.approve(&gap.cluster, "carol", Path::new(&id[..12]), &id));
    rekey(&gap.cluster, &["--forget-old"]).expect(0);
    approved(approvers.approve(&gap.cluster, "dave", &gap.stick, &id));
}

#[test]
fn an_earlier_card_is_known_in_the_role_that_the_policy_has() {
    let approvers = Approvers::new(1, &["carol"]);
    let gap = &approvers.gap;
    let id = digest(&gap.export_sample());
    rekey(&gap.lab, &["--identity"]).expect(0);
    gap.lab.adopt(|policy| {
        policy.tents[0].members.retain(|site| site.as_str() != "lab");
        policy.tents[0].auditors.push("lab".parse().unwrap());
    });
    let refused = approvers.approve(&gap.lab, "carol", Path::new(&id[..12]), &id);
    refused.refused(4, "it can be opened by lab, which this policy does not have as such readers");
}

/// The card's fingerprint alone is the exporter's word.
#[test]
fn another_key_under_the_name_of_an_earlier_card_is_no_known_reader() {
    let approvers = Approvers::new(1, &["carol"]);
    let gap = &approvers.gap;
    let mut forge = Forge::new(gap, 77);
    rekey(&gap.cluster, &["--identity"]).expect(0);
    let stranger = Identity::generate().recipient();
    forge.members.push(stranger.clone());
    forge.predicate.stanzas.keys = 2;
    let card = Value::Bytes(forge.cluster.fingerprint().as_bytes().to_vec());
    forge.catalogue.edit(entry::HEAD, "readers", |readers| {
        let readers = readers.as_array_mut().unwrap();
        let mut second = readers[0].clone();
        for (name, value) in second.as_map_mut().unwrap() {
            match name.as_text() {
                Some("recipient") => *value = stranger.to_string().into(),
                Some("card") => assert_eq!(*value, card),
                _ => {}
            }
        }
        readers.push(second);
    });
    let id = forge.write(&gap.stick).to_string();
    let stick = snapshot(&gap.stick);
    let refused = approvers.approve(&gap.cluster, "carol", &gap.stick, &id);
    refused.refused(4, "it can be opened by cluster-b, which this policy does not have as such readers");
    assert!(stick == snapshot(&gap.stick));
}
