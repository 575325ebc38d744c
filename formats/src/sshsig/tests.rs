use super::*;

#[test]
fn a_signature_counts_for_its_key_namespace_and_bytes_only() {
    let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let armoured = key.sign(Namespace::Seal, b"bytes").unwrap();
    let signature = Signature::parse(armoured.as_bytes()).unwrap();
    let public = key.public().unwrap();
    assert_eq!(signature.verify(&public, Namespace::Seal, b"bytes"), Ok(()));
    assert_eq!(signature.verify(&public, Namespace::Seal, b"byteS"), Err(SshError::Invalid));
    assert_eq!(signature.verify(&other.public().unwrap(), Namespace::Seal, b"bytes"), Err(SshError::OtherKey));
    assert!(matches!(signature.verify(&public, Namespace::Approve, b"bytes"), Err(SshError::Namespace { .. })));
    assert_eq!(signature.shown(), Shown::default(), "a file shows nobody");
}

#[test]
fn a_key_that_anybody_can_sign_with_is_none() {
    // The identity point, of which no private key exists.
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert!(ssh_key::PublicKey::from_openssh(line).is_ok());
    assert_eq!(line.parse::<PublicKey>(), Err(SshError::PublicKey));
}

#[test]
fn only_canonical_armour() {
    let armoured = SigningKey::generate().unwrap().sign(Namespace::Seal, b"bytes").unwrap();
    for bad in [
        armoured.replace('\n', "\r\n"),
        format!("hello\n{armoured}"),
        format!("{armoured}\n"),
        armoured.trim_end().to_owned(),
        armoured.replacen("\n", "\n\n", 2),
    ] {
        assert_eq!(Signature::parse(bad.as_bytes()).err(), Some(SshError::Armour), "{bad}");
    }
}

#[test]
fn keys_come_back_from_their_text() {
    let key = SigningKey::generate().unwrap();
    let file = key.expose_openssh().unwrap();
    let (again, public) = (SigningKey::from_openssh(&file).unwrap(), key.public().unwrap());
    assert_eq!(again.public().unwrap(), public);
    assert_eq!(PublicKey::of_private_file(&file), Ok(public.clone()));
    let line = public.to_string();
    assert_eq!(line.parse(), Ok(public.clone()));
    assert!(format!("{line} comment").parse::<PublicKey>().is_err());
    for text in [format!("{line} a comment\n"), format!("{line}\n"), line.clone()] {
        assert_eq!(PublicKey::of_public_file(&text), Ok(public.clone()), "{text}");
    }
    for text in [format!("{line}\n{line}\n"), String::new(), format!("no-pty {line}")] {
        assert_eq!(PublicKey::of_public_file(&text), Err(SshError::PublicKey), "{text}");
    }
}
