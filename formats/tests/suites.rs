//! A file is of one suite, which its stanzas show: what is mixed, hidden or malformed is refused before any key is used.

use gapvault_formats::agefile::{AgeError, BlockOpener, BlockSealer, Header, Identity, Recipient, Suite};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Some of each suite.
static IDENTITIES: LazyLock<[Vec<Identity>; 2]> =
    LazyLock::new(|| Suite::ALL.map(|suite| (0..4).map(|_| Identity::generate_for(suite)).collect()));

fn identities(suite: Suite) -> &'static [Identity] {
    let [classic, post_quantum] = &*IDENTITIES;
    if suite == Suite::X25519 { classic } else { post_quantum }
}

fn other(suite: Suite) -> Suite {
    if suite == Suite::X25519 { Suite::PostQuantum } else { Suite::X25519 }
}

fn recipients(suite: Suite, count: usize) -> Vec<Recipient> {
    identities(suite)[..count].iter().map(Identity::recipient).collect()
}

/// The lines of a file's header, without what stands behind it.
fn lines(recipients: &[Recipient]) -> Vec<String> {
    let head = BlockSealer::new(recipients).unwrap().head().to_vec();
    let length = Header::read(head.as_slice()).unwrap().length as usize;
    std::str::from_utf8(&head[..length]).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

/// The stanzas of the suite: a line and a body each.
fn stanzas(recipients: &[Recipient]) -> Vec<String> {
    lines(recipients)[1..=2 * recipients.len()].to_vec()
}

fn read(lines: &[String]) -> Result<Header, AgeError> {
    Header::read(lines.concat().as_bytes())
}

#[test]
fn no_file_can_be_sealed_to_both_suites() {
    for suite in Suite::ALL {
        let mixed = [recipients(suite, 2), recipients(other(suite), 1)].concat();
        assert!(matches!(BlockSealer::new(&mixed), Err(AgeError::Mixed)));
    }
}

#[test]
fn an_identity_of_the_other_suite_is_told_so() {
    for suite in Suite::ALL {
        let sealer = BlockSealer::new(&recipients(suite, 2)).unwrap();
        let refused = BlockOpener::new(sealer.head(), &identities(other(suite))[0], 2);
        assert!(
            matches!(refused, Err(AgeError::Suite { actual, expected }) if actual == suite && expected == other(suite))
        );
    }
}

#[test]
fn keys_of_one_suite_are_none_of_the_other() {
    for suite in Suite::ALL {
        let recipient = identities(suite)[0].recipient();
        assert_eq!((recipient.suite(), identities(suite)[0].suite()), (suite, suite));
        let text = recipient.to_string();
        assert_eq!(text.parse::<Recipient>().unwrap(), recipient);
        assert!(Recipient::of_suite(suite, &text).is_ok());
        assert!(Recipient::of_suite(other(suite), &text).is_err());
        assert!(text.to_uppercase().parse::<Recipient>().is_err(), "one text for each key");
        let secret = identities(suite)[0].expose_secret();
        assert_eq!(Identity::from_secret(&secret).unwrap().recipient(), recipient);
        assert!(Identity::from_secret(&text).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_recipients_open_and_are_counted(which in 0..2usize, count in 1..4usize) {
        let suite = Suite::ALL[which];
        let sealer = BlockSealer::new(&recipients(suite, count)).unwrap();
        let header = Header::read(sealer.head()).unwrap();
        prop_assert_eq!((header.suite, header.recipients), (suite, count as u64));
        let mut block = b"weights".to_vec();
        let tag = sealer.seal(0, true, &mut block).unwrap();
        block.extend(tag);
        for (n, identity) in identities(suite).iter().enumerate() {
            match BlockOpener::new(sealer.head(), identity, count as u64) {
                Ok(opener) if n < count => {
                    let mut block = block.clone();
                    prop_assert_eq!(&*opener.open(0, true, &mut block).unwrap(), b"weights");
                }
                Err(AgeError::NotARecipient) if n >= count => {}
                outcome => prop_assert!(false, "identity {} of {}: {:?}", n, count, outcome),
            }
        }
    }

    #[test]
    fn a_stanza_of_the_other_suite_is_refused_wherever_it_stands(
        which in 0..2usize,
        count in 1..4usize,
        at in any::<prop::sample::Index>(),
    ) {
        let suite = Suite::ALL[which];
        let mut header = lines(&recipients(suite, count));
        let at = 1 + 2 * at.index(count + 1);
        header.splice(at..at, stanzas(&recipients(other(suite), 1)));
        prop_assert!(matches!(read(&header), Err(AgeError::Stanza(_))));
    }

    #[test]
    fn one_byte_of_a_stanza_altered_is_refused_or_opens_for_nobody_else(
        which in 0..2usize,
        at in any::<prop::sample::Index>(),
        byte in 0x20..0x7fu8,
    ) {
        let suite = Suite::ALL[which];
        let identity = &identities(suite)[0];
        let head = BlockSealer::new([&identity.recipient()]).unwrap().head().to_vec();
        let begin = "age-encryption.org/v1\n".len();
        let end = begin + stanzas(&[identity.recipient()]).concat().len();
        let mut altered = head.clone();
        altered[begin + at.index(end - begin)] = byte;
        prop_assume!(altered != head);
        for identity in identities(suite) {
            prop_assert!(BlockOpener::new(altered.as_slice(), identity, 1).is_err());
        }
    }

    #[test]
    fn stanzas_of_other_lengths_are_refused_without_a_key(
        which in 0..2usize,
        argument in prop_oneof![0..1600usize, Just(43), Just(1494)],
        body in 0..140usize,
    ) {
        let suite = Suite::ALL[which];
        let header = |argument: usize, body: usize| {
            // Zeros but for the point at the end, which must not be of low order.
            let argument = "A".repeat(argument.saturating_sub(6)) + &"AQAAAA"[6 - argument.min(6)..];
            let full = "A".repeat(body).into_bytes();
            let body: String = full.chunks(64).map(|l| String::from_utf8(l.to_vec()).unwrap() + "\n").collect();
            let end = if full.len().is_multiple_of(64) { "\n" } else { "" };
            let stanza = if suite == Suite::X25519 { "X25519" } else { "mlkem768x25519" };
            Header::read(format!("age-encryption.org/v1\n-> {stanza} {argument}\n{body}{end}--- mac\n").as_bytes())
        };
        let (own, whole) = (if suite == Suite::X25519 { 43 } else { 1494 }, 43);
        prop_assert!(header(own, whole).is_ok());
        if (argument, body) != (own, whole) {
            prop_assert!(matches!(header(argument, body), Err(AgeError::Malformed(s)) if s == suite));
        }
    }
}
