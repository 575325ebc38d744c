//! One private key is one key, in whatever form its public half stands: SPEC 10.2.

use crate::forms::as_security_key;
use crate::samples::{commented, key, parse};
use base64ct::{Base64, Encoding};
use gapvault_formats::person_card::PersonCard;
use gapvault_formats::policy::root::{Uncounted, Verified, Whose, tally};
use gapvault_formats::policy::{Policy, Revocation};
use gapvault_formats::sshsig::{PublicKey, Shown};

/// The key of the negated point, whose private half whoever has that of `key` has too.
fn negated(key: &PublicKey) -> PublicKey {
    let text = key.to_string();
    let (kind, base64) = text.split_once(' ').unwrap();
    let mut wire = Base64::decode_vec(base64).unwrap();
    match kind {
        "ssh-ed25519" => *wire.last_mut().unwrap() ^= 0x80,
        _ => {
            let at = wire.len() - 65;
            let point = p256::PublicKey::from_sec1_bytes(&wire[at..]).unwrap();
            let point = p256::PublicKey::from_affine((-point.to_projective()).to_affine()).unwrap();
            wire[at..].copy_from_slice(&point.to_sec1_bytes());
        }
    }
    format!("{kind} {}", Base64::encode_string(&wire)).parse().unwrap()
}

fn in_security_key(key: &PublicKey) -> PublicKey {
    as_security_key(&key.to_string()).parse().unwrap()
}

fn keys() -> [PublicKey; 2] {
    [key(0, 0), include_str!("../../vectors/valid/public-key/ed25519.txt").parse().unwrap()]
}

#[test]
fn forms_of_a_key_share_its_point_and_other_keys_do_not() {
    let [p256, ed25519] = keys();
    for key in [&p256, &ed25519] {
        for form in [negated(key), in_security_key(key), in_security_key(&negated(key))] {
            assert_ne!(form.fingerprint(), key.fingerprint());
            assert_eq!(form.point(), key.point(), "{form}");
        }
    }
    assert_ne!(p256.point(), ed25519.point());
    assert_ne!(p256.point(), key(1, 0).point());
}

#[test]
fn nobody_has_two_forms_and_no_two_have_one() {
    for form in [negated as fn(&_) -> _, in_security_key] {
        let mut policy = parse(&commented());
        policy.persons[0].keys.push(form(&key(0, 0)));
        let refused = policy.to_text().unwrap_err().to_string();
        assert!(refused.contains("person ana has one private key twice"), "{refused}");
        let mut policy = parse(&commented());
        policy.persons[1].keys.push(form(&key(0, 0)));
        let refused = policy.to_text().unwrap_err().to_string();
        assert!(refused.contains("persons ana and ben have one private key"), "{refused}");
        assert!(PersonCard::new("ana".parse().unwrap(), vec![key(0, 0), form(&key(0, 0))]).is_err());
    }
}

#[test]
fn a_key_is_revoked_in_every_form() {
    let signed = key(0, 0);
    let verified = [Verified { key: &signed, shown: Shown::default() }];
    for form in [signed.clone(), negated(&signed), in_security_key(&signed)] {
        let mut policy: Policy = parse(&commented());
        policy.revocations.push(Revocation { key: form, reason: None, except: Vec::new() });
        assert!(policy.is_revoked(&signed, None));
        let tally = tally(Whose::InForce, &policy, &verified);
        assert_eq!(tally.uncounted, [(signed.fingerprint(), Uncounted::Revoked("ana".parse().unwrap()))]);
        assert!(!policy.is_revoked(&key(0, 1), None), "another key of the same person");
    }
}
