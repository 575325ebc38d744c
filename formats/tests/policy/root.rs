//! The root rule: SPEC 10.4.

use crate::samples::{KEYS, PERSONS, commented, key, parse, person, security_keys};
use gapvault_formats::ids::PolicyDigest;
use gapvault_formats::policy::root::{Accepted, RootError, Uncounted, Verified, Whose, is_same_root, judge};
use gapvault_formats::policy::{Person, Policy, Revocation, Root};
use gapvault_formats::sshsig::{PublicKey, Shown, SigningKey, Touch};
use proptest::prelude::*;
use std::collections::BTreeSet;

const OLD: PolicyDigest = PolicyDigest::from_bytes([1; 32]);
const NEW: PolicyDigest = PolicyDigest::from_bytes([2; 32]);

fn signed_by(keys: &[PublicKey]) -> Vec<Verified<'_>> {
    keys.iter().map(|key| Verified { key, shown: Shown::default() }).collect()
}

/// Of the policy after `old`, signed with these keys.
fn judged(old: &Policy, new: &Policy, keys: &[PublicKey]) -> Result<Accepted, RootError> {
    judge(Some((old, OLD)), new, NEW, &signed_by(keys))
}

fn next(old: &Policy) -> Policy {
    Policy { epoch: old.epoch + 1, previous: Some(OLD), ..old.clone() }
}

#[test]
fn epochs_rise_by_one() {
    let old = parse(&commented());
    let keys = [key(0, 0), key(1, 0)];
    let at = |epoch| Policy { epoch, previous: Some(OLD), ..old.clone() };
    assert!(judged(&old, &at(8), &keys).is_ok());
    for (epoch, digest, refusal) in [
        (7, OLD, "epoch 7 is in force already".to_owned()),
        (7, NEW, format!("there are two policies of epoch 7: {NEW}, and {OLD}, which is in force")),
        (6, NEW, "epoch 6 is older than epoch 7, which is in force".to_owned()),
        (6, OLD, "epoch 6 is older than epoch 7, which is in force".to_owned()),
        (9, NEW, "epoch 9 does not follow epoch 7, which is in force".to_owned()),
        (u64::MAX, NEW, format!("epoch {} does not follow epoch 7, which is in force", u64::MAX)),
    ] {
        let refused = judge(Some((&old, OLD)), &at(epoch), digest, &signed_by(&keys)).unwrap_err();
        assert_eq!(refused.to_string(), refusal);
    }
    assert!(judge(None, &at(1), NEW, &signed_by(&keys)).is_ok());
    assert_eq!(judge(None, &at(2), NEW, &signed_by(&keys)), Err(RootError::NotTheFirst { actual: 2 }));
}

#[test]
fn a_policy_follows_one_and_no_other() {
    let old = parse(&commented());
    let keys = [key(0, 0), key(1, 0)];
    for previous in [None, Some(NEW), old.previous] {
        let new = Policy { previous, ..next(&old) };
        let refused = judged(&old, &new, &keys).unwrap_err();
        assert_eq!(refused, RootError::OtherPrevious { actual: previous, in_force: OLD });
    }
}

#[test]
fn it_says_who_counted() {
    let old = parse(&commented());
    let accepted = judged(&old, &next(&old), &[key(1, 0), key(3, 0), key(0, 1)]).unwrap();
    assert_eq!(accepted.own, None, "the root stays");
    assert_eq!(accepted.signed(), [person("ana"), person("ben")]);
    let tally = accepted.in_force.unwrap();
    assert_eq!(tally.to_string(), "2 of 2 persons of the root in force signed (ana, ben)");
    assert_eq!(tally.uncounted, [(key(3, 0).fingerprint(), Uncounted::NotRoot(person("dora")))]);
}

#[test]
fn it_says_who_is_missing_and_why_a_signature_does_not_count() {
    let mut old = parse(&commented());
    let stranger = SigningKey::generate().unwrap().public().unwrap();
    old.revocations.push(Revocation { key: key(2, 0), reason: None, except: Vec::new() });
    let keys = [key(0, 0), key(0, 1), key(0, 0), key(2, 0), key(3, 0), stranger.clone()];
    let refused = judged(&old, &next(&old), &keys).unwrap_err();
    let RootError::Signatures { tallies } = &refused else { panic!("{refused}") };
    let [tally] = &tallies[..] else { panic!("{refused}") };
    assert_eq!((tally.whose, tally.missing(), &tally.could[..]), (Whose::InForce, 1, &[person("ben")][..]));
    let why = |key: &PublicKey| tally.uncounted.iter().find(|(of, _)| *of == key.fingerprint()).map(|(_, why)| why);
    assert_eq!(why(&key(0, 1)), Some(&Uncounted::CountedAlready(person("ana"))), "a person's second key");
    assert_eq!(why(&key(0, 0)), Some(&Uncounted::CountedAlready(person("ana"))), "a signature twice");
    assert_eq!(why(&key(2, 0)), Some(&Uncounted::Revoked(person("chris"))));
    assert_eq!(why(&key(3, 0)), Some(&Uncounted::NotRoot(person("dora"))));
    assert_eq!(why(&stranger), Some(&Uncounted::UnknownKey));
    let text = refused.to_string();
    for part in [
        "1 of 2 persons of the root in force signed (ana); ben could",
        "this key of chris is revoked",
        "dora is not of",
    ] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

#[test]
fn nothing_that_a_file_key_claims_to_show_counts() {
    let mut old = parse(&commented());
    old.root.signatures = Touch::Presence;
    let keys = [key(0, 0), key(1, 0)];
    let touched = Shown { presence: true, verification: true };
    let signatures: Vec<_> = keys.iter().map(|key| Verified { key, shown: touched }).collect();
    let refused = judge(Some((&old, OLD)), &next(&old), NEW, &signatures).unwrap_err();
    let RootError::Signatures { tallies } = refused else { panic!("{refused}") };
    assert_eq!(tallies[0].uncounted[0].1, Uncounted::NotShown(person("ana"), Touch::Presence));
    assert_eq!(tallies[0].could, [], "nobody has a security key");
}

#[test]
fn a_security_key_counts_for_what_it_shows() {
    let [ana, ben] = security_keys();
    let shown = |presence, verification| Shown { presence, verification };
    let (nothing, touched, known) = (shown(false, false), shown(true, false), shown(true, true));
    for (asked, shown, counts) in [
        (Touch::Any, nothing, false),
        (Touch::Any, touched, true),
        (Touch::Presence, nothing, false),
        (Touch::Presence, Shown { presence: false, verification: true }, false),
        (Touch::Presence, touched, true),
        (Touch::Verification, touched, false),
        (Touch::Verification, known, true),
    ] {
        let mut old = parse(&commented());
        old.root.signatures = asked;
        old.persons[0].keys.push(ana.clone());
        old.persons[1].keys.push(ben.clone());
        assert!(old.to_text().is_ok(), "two of three have security keys");
        let signatures = [&ana, &ben].map(|key| Verified { key, shown });
        let judged = judge(Some((&old, OLD)), &next(&old), NEW, &signatures);
        match judged {
            Ok(_) => assert!(counts, "{asked} {shown:?}"),
            Err(RootError::Signatures { tallies }) => {
                assert!(!counts, "{asked} {shown:?}");
                assert_eq!(tallies[0].uncounted[0].1, Uncounted::NotShown(person("ana"), asked));
                let files = if asked == Touch::Any { vec!["ana", "ben", "chris"] } else { vec!["ana", "ben"] };
                assert_eq!(tallies[0].could, files.into_iter().map(person).collect::<Vec<_>>());
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn what_makes_the_root_another() {
    let old = parse(&commented());
    let is_same = |change: &dyn Fn(&mut Policy)| {
        let mut new = next(&old);
        change(&mut new);
        is_same_root(&old, &new)
    };
    let revoke = |who, number| Revocation { key: key(who, number), reason: None, except: Vec::new() };
    assert!(is_same(&|_| {}));
    assert!(is_same(&|new| new.root.persons.reverse()), "order means nothing");
    assert!(is_same(&|new| new.persons.reverse()));
    assert!(is_same(&|new| new.persons[0].keys.reverse()));
    assert!(is_same(&|new| new.persons[3].keys.push(key(3, 1))), "dora is not of the root");
    assert!(is_same(&|new| new.revocations.push(revoke(3, 0))));
    assert!(!is_same(&|new| new.root.threshold = 1));
    assert!(!is_same(&|new| new.root.signatures = Touch::Verification));
    assert!(!is_same(&|new| new.root.persons.push(person("dora"))));
    assert!(!is_same(&|new| drop(new.root.persons.pop())));
    assert!(!is_same(&|new| new.persons[1].keys.push(key(1, 1))));
    assert!(!is_same(&|new| new.persons[1].keys = vec![key(1, 1)]));
    assert!(!is_same(&|new| new.revocations.push(revoke(0, 1))));
    assert!(!is_same(&|new| new.revocations.push(revoke(1, 0))), "all keys of a person");
}

#[test]
fn a_new_root_is_asked_too_by_its_own_keys() {
    let old = parse(&commented());
    let mut new = next(&old);
    // Ben loses his key and gets another; dora takes the place of chris.
    new.revocations.push(Revocation { key: key(1, 0), reason: None, except: Vec::new() });
    new.persons[1].keys.push(key(1, 1));
    new.root.persons[2] = person("dora");
    let of = |keys: &[PublicKey]| judged(&old, &new, keys);
    let lacking = |keys: &[PublicKey]| match of(keys) {
        Err(RootError::Signatures { tallies }) => {
            tallies.iter().map(gapvault_formats::policy::root::Tally::missing).collect()
        }
        other => panic!("{other:?}"),
    };
    let missing: Vec<usize> = lacking(&[key(0, 0), key(1, 0)]);
    assert_eq!(missing, [0, 1], "the old root alone");
    assert_eq!(lacking(&[key(0, 0), key(1, 1)]), [1, 0], "the new root alone");
    assert_eq!(lacking(&[key(3, 0), key(1, 1)]), [2, 0], "new persons alone");
    let accepted = of(&[key(0, 0), key(1, 0), key(1, 1)]).unwrap();
    assert_eq!(accepted.own.unwrap().counted, [person("ana"), person("ben")]);
    assert!(of(&[key(0, 0), key(2, 0), key(3, 0)]).is_ok(), "one signature counts for both");
}

/// A policy of persons by their numbers: which keys each has, who is root, which keys are revoked.
#[derive(Clone, Debug)]
struct Shape {
    keys: Vec<Vec<usize>>,
    root: Vec<usize>,
    threshold: u32,
    revoked: BTreeSet<(usize, usize)>,
}

impl Shape {
    fn policy(&self, epoch: u64) -> Policy {
        let name = |who: &usize| person(PERSONS[*who]);
        let persons = self.keys.iter().enumerate().map(|(who, keys)| Person {
            name: name(&who),
            organisation: None,
            keys: keys.iter().map(|number| key(who, *number)).collect(),
        });
        let revoked = self.revoked.iter();
        Policy {
            format: 1,
            epoch,
            previous: (epoch > 1).then_some(OLD),
            time: None,
            reset_clock: false,
            root: Root {
                threshold: self.threshold,
                persons: self.root.iter().map(name).collect(),
                signatures: Touch::Any,
            },
            persons: persons.collect(),
            sites: Vec::new(),
            tents: Vec::new(),
            revocations: revoked
                .map(|(who, number)| Revocation { key: key(*who, *number), reason: None, except: Vec::new() })
                .collect(),
        }
    }

    fn counts(&self, who: usize, number: usize) -> bool {
        self.root.contains(&who) && self.keys[who].contains(&number) && !self.revoked.contains(&(who, number))
    }

    /// The distinct persons of the root behind these signatures, counted another way than the rule does.
    fn persons(&self, signatures: &[(usize, usize)]) -> usize {
        (0..PERSONS.len())
            .filter(|who| signatures.iter().any(|(by, number)| by == who && self.counts(*by, *number)))
            .count()
    }

    fn is_met_by(&self, signatures: &[(usize, usize)]) -> bool {
        self.persons(signatures) >= self.threshold as usize
    }

    fn is_same_root(&self, other: &Self) -> bool {
        let all = |shape: &Self| {
            let pairs = (0..PERSONS.len()).flat_map(|who| (0..KEYS).map(move |number| (who, number)));
            pairs.filter(|(who, number)| shape.counts(*who, *number)).collect::<Vec<_>>()
        };
        let root = |shape: &Self| shape.root.iter().copied().collect::<BTreeSet<_>>();
        self.threshold == other.threshold && root(self) == root(other) && all(self) == all(other)
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let keys = prop::collection::vec(prop_oneof![Just(vec![0]), Just(vec![1]), Just(vec![0, 1])], PERSONS.len());
    let root = prop::sample::subsequence((0..PERSONS.len()).collect::<Vec<_>>(), 1..=4).prop_shuffle();
    let revoked = prop::collection::btree_set((0..PERSONS.len(), 0..KEYS), 0..3);
    (keys, root, any::<prop::sample::Index>(), revoked).prop_map(|(keys, root, threshold, revoked)| {
        let threshold = threshold.index(root.len()) as u32 + 1;
        Shape { keys, root, threshold, revoked }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// No set of signatures by fewer than k distinct persons ever passes, of the old root or, where it differs, the new;
    /// and enough always do.
    #[test]
    fn persons_are_counted_never_keys(
        old in shapes(),
        other in shapes(),
        stays in any::<bool>(),
        signatures in prop::collection::vec((0..PERSONS.len(), 0..KEYS), 0..8),
    ) {
        let new = if stays { old.clone() } else { other };
        let keys: Vec<_> = signatures.iter().map(|(who, number)| key(*who, *number)).collect();
        let (before, after) = (old.policy(4), new.policy(5));
        let passes = judged(&before, &after, &keys).is_ok();
        let asks_new = !old.is_same_root(&new);
        prop_assert_eq!(is_same_root(&before, &after), !asks_new);
        prop_assert_eq!(passes, old.is_met_by(&signatures) && (!asks_new || new.is_met_by(&signatures)));
        let first = judge(None, &new.policy(1), NEW, &signed_by(&keys)).is_ok();
        prop_assert_eq!(first, new.is_met_by(&signatures));
    }
}
