//! Bundles that are in order, from an exporter whom the cluster trusts, but not with this.

use crate::support::hostile::Forge;
use crate::support::run;
use crate::support::siege::Siege;
use gapvault_formats::ids::DestinationTag;
use gapvault_formats::sshsig::SigningKey;
use gapvault_formats::time::Time;

#[test]
fn seals_that_the_policy_does_not_admit_are_refused() {
    let mut siege = Siege::new();
    siege.gap.cluster.run(["tent", "new", "borealis"]).expect(0);
    siege.import_refuses(&[
        (
            "for somebody else",
            |f| f.predicate.destinations = vec![DestinationTag::from_bytes([7; 32])],
            4,
            "none of its destination tags is of a site and tent that this policy knows",
        ),
        (
            "for a tent that is not the exporter's",
            |f| {
                f.predicate.destinations =
                    vec![f.cluster.label_key.tag(&f.predicate.nonce, &"borealis".parse().unwrap())]
            },
            4,
            "lab signed it for tent borealis, whose exporters are: cluster-b",
        ),
        (
            "for the lab itself",
            |f| f.predicate.destinations = vec![f.lab.label_key.tag(&f.predicate.nonce, &"aurora".parse().unwrap())],
            4,
            "it is for lab in tent aurora, not for this site (cluster-b)",
        ),
        (
            "in another's name",
            |f| f.predicate.exporter = SigningKey::generate().unwrap().public().unwrap(),
            4,
            "but has no seal@gapvault signature of that key",
        ),
        ("expired", |f| at(f, -7_200, -3_600), 4, "it expired at "),
        ("from the future", |f| at(f, 49 * 3_600, 50 * 3_600), 4, "over 48 hours after this host's clock"),
    ]);
}

fn at(f: &mut Forge, created: i64, expires: i64) {
    let now: Time = f.predicate.created;
    f.predicate.created = now.plus(created).unwrap();
    f.predicate.expires = now.plus(expires).unwrap();
}

#[test]
fn a_number_that_was_used_is_refused() {
    let mut siege = Siege::new();
    siege.forge().write(&siege.gap.stick);
    siege.gap.import().expect(0);
    siege.import_refuses(&[(
        "again",
        |f| f.predicate.number -= 1,
        4,
        "its number 1001 from lab in tent aurora was used by bundle",
    )]);
}

/// One tent's content must not come in under another's name.
#[test]
fn a_tent_key_of_another_tent_is_refused() {
    let mut siege = Siege::new();
    let card = siege.gap.path("cluster-b.card");
    let fingerprint = siege.gap.lab.run(["card"]).err.trim().rsplit(' ').next().unwrap().to_owned();
    siege.gap.cluster.run(["tent", "new", "borealis"]).expect(0);
    let trust = ["--tent", "borealis", "--role", "exporter", "--fingerprint", &fingerprint];
    run(siege.gap.cluster.command(["trust"]).arg(card).args(trust)).expect(0);
    siege.forge().write(&siege.gap.stick);
    siege.gap.import().expect(0);
    siege.import_refuses(&[(
        "aurora's key for borealis",
        |f| {
            f.keys.tent = "borealis".parse().unwrap();
            f.predicate.destinations = vec![f.cluster.label_key.tag(&f.predicate.nonce, &f.keys.tent)];
            f.catalogue.set(0, "tent", "borealis");
        },
        4,
        "its tent key is pinned to tent aurora, the bundle is of tent borealis",
    )]);
}
