//! Any loss that a group's parity allows is mended bit by bit, and no other.

use gapvault_formats::limits;
use gapvault_formats::parity::{BLOCK, Encoder, Geometry, Mender, ParityError, STRIPE, SUM, Table, Wanted, stripe_sum};
use proptest::prelude::*;
use proptest::sample::subsequence;

/// Bytes that look like noise, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// All shards of a group, coded `step` bytes at a time, and its table.
fn encode(geometry: Geometry, step: usize, seed: u64) -> (Vec<Vec<u8>>, Table) {
    let length = geometry.shard() as usize;
    let mut shards: Vec<_> = (0..geometry.data() as u64).map(|shard| noise(seed << 16 | shard, length)).collect();
    shards.resize(geometry.shards(), Vec::new());
    let mut encoder = Encoder::new(geometry);
    for start in (0..length).step_by(step) {
        let end = length.min(start + step);
        shards[..geometry.data()].iter().for_each(|shard| encoder.add(&shard[start..end]).unwrap());
        let made = encoder.finish().unwrap();
        assert_eq!(made.iter().len(), geometry.parity());
        made.iter().zip(&mut shards[geometry.data()..]).for_each(|(stripe, shard)| shard.extend(stripe));
    }
    let mut table = Table::new(geometry);
    shards.iter().enumerate().for_each(|(number, shard)| table.add(number, 0, shard));
    (shards, table)
}

/// Gives a mender one stripe of all shards but the `lost`, and compares what it makes with what was lost.
fn mend(mender: &mut Mender, geometry: Geometry, shards: &[Vec<u8>], stripe: usize, lost: &[usize], wanted: Wanted) {
    let range = stripe * STRIPE..stripe * STRIPE + geometry.stripe_length(stripe);
    give(mender, geometry, shards, range.clone(), lost);
    let mended = mender.finish().unwrap();
    let recovery = mended.recovery().map(|(index, bytes)| (geometry.data() + index, bytes));
    let mended: Vec<_> = mended.data().chain(recovery).collect();
    let is_wanted = |shard: &&usize| wanted == Wanted::All || **shard < geometry.data();
    assert_eq!(
        mended.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(),
        lost.iter().filter(is_wanted).copied().collect::<Vec<_>>()
    );
    assert!(mended.iter().all(|(shard, bytes)| *bytes == &shards[*shard][range.clone()]));
}

/// Gives a mender the good shards, from the last to the first.
fn give(mender: &mut Mender, geometry: Geometry, shards: &[Vec<u8>], range: std::ops::Range<usize>, lost: &[usize]) {
    for shard in (0..geometry.shards()).rev().filter(|shard| !lost.contains(shard)) {
        let stripe = &shards[shard][range.clone()];
        let given = match shard.checked_sub(geometry.data()) {
            Some(index) => mender.recovery(index, stripe),
            None => mender.data(shard, stripe),
        };
        given.unwrap();
    }
}

/// A group, and for each of its stripes which shards it loses: as many as can be mended, or fewer.
fn losses() -> impl Strategy<Value = (Geometry, Vec<Vec<usize>>)> {
    let numbers = (1usize..40).prop_flat_map(|data| (Just(data), 1..=data.min(12), 1u64..3 * STRIPE as u64));
    numbers.prop_flat_map(|(data, parity, longest)| {
        let geometry = Geometry::new(data, parity, longest).unwrap();
        let shards: Vec<_> = (0..geometry.shards()).collect();
        let lost = proptest::collection::vec(subsequence(shards, 0..=parity), geometry.stripes());
        (Just(geometry), lost)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_loss_up_to_the_parity_is_mended((geometry, lost) in losses(), seed in 0u64..1 << 40) {
        let (shards, _) = encode(geometry, STRIPE, seed);
        for wanted in [Wanted::Data, Wanted::All] {
            let mut mender = Mender::new(geometry, wanted);
            for (stripe, lost) in lost.iter().enumerate() {
                mend(&mut mender, geometry, &shards, stripe, lost, wanted);
            }
        }
    }

    #[test]
    fn one_loss_more_is_refused_and_harms_no_other_stripe((geometry, lost) in losses(), more in any::<u64>()) {
        let (shards, _) = encode(geometry, STRIPE, 1);
        let mut mender = Mender::new(geometry, Wanted::All);
        // One run of shards, one longer than the parity, from anywhere.
        let from = more as usize % geometry.data();
        let run: Vec<_> = (from..=from + geometry.parity()).collect();
        give(&mut mender, geometry, &shards, 0..geometry.stripe_length(0), &run);
        let (good, needed) = (geometry.data() - 1, geometry.data());
        prop_assert_eq!(mender.finish().err(), Some(ParityError::TooFew { good, needed }));
        mend(&mut mender, geometry, &shards, geometry.stripes() - 1, &lost[geometry.stripes() - 1], Wanted::All);
    }

    #[test]
    fn the_code_does_not_depend_on_how_much_is_coded_at_once((geometry, _) in losses(), blocks in 1usize..3000) {
        prop_assert!(encode(geometry, blocks * BLOCK, 1) == encode(geometry, STRIPE, 1));
    }

    #[test]
    fn a_table_is_the_sums_in_their_order((geometry, _) in losses(), seed in 0u64..1 << 40) {
        let (shards, table) = encode(geometry, STRIPE, seed);
        let stripes = shards.iter().flat_map(|shard| shard.chunks(STRIPE));
        let sums: Vec<u8> = stripes.flat_map(|stripe| blake3::hash(stripe).as_bytes()[..SUM].to_vec()).collect();
        prop_assert_eq!(table.as_bytes(), &sums);
        prop_assert_eq!(geometry.file_size(), geometry.shard() + sums.len() as u64);
        let again = Table::from_bytes(geometry, sums).unwrap();
        for (number, shard) in shards.iter().enumerate() {
            for (stripe, bytes) in shard.chunks(STRIPE).enumerate() {
                prop_assert_eq!(bytes.len(), geometry.stripe_length(stripe));
                prop_assert_eq!(again.sum(number, stripe), stripe_sum(bytes));
            }
        }
    }

    #[test]
    fn a_table_of_hostile_bytes_is_one_of_the_right_length(
        (geometry, _) in losses(),
        mut bytes in proptest::collection::vec(any::<u8>(), 0..2000),
    ) {
        let (expected, actual) = (geometry.table_size(), bytes.len() as u64);
        if expected != actual {
            let refusal = Table::from_bytes(geometry, bytes.clone()).err();
            prop_assert_eq!(refusal, Some(ParityError::TableLength { expected, actual }));
        }
        bytes.resize(expected as usize, 7);
        let table = Table::from_bytes(geometry, bytes.clone()).unwrap();
        let last = table.sum(geometry.shards() - 1, geometry.stripes() - 1);
        prop_assert_eq!(&last[..], &bytes[bytes.len() - SUM..]);
    }
}

#[test]
fn geometries_out_of_bounds_are_refused() {
    let counts = |data, parity| (Geometry::new(data, parity, 1), ParityError::Counts { data, parity });
    for (data, parity) in [(0, 0), (0, 1), (1, 0), (1, 2), (513, 512), (1024, 1), (usize::MAX, 1), (1, usize::MAX)] {
        let (made, refusal) = counts(data, parity);
        assert_eq!(made, Err(refusal), "{data} + {parity}");
    }
    for (data, parity) in [(1, 1), (512, 512), (1023, 1)] {
        assert!(counts(data, parity).0.is_ok(), "{data} + {parity}");
    }
    assert_eq!(Geometry::new(1, 1, 0), Err(ParityError::Empty));
    for longest in [limits::PACK_BYTES - 64, limits::PACK_BYTES, limits::PACK_BYTES + 1, u64::MAX] {
        assert_eq!(Geometry::new(1, 1, longest), Err(ParityError::Long { longest }));
    }
    // Two sums for each of 32,760 stripes, and 128 bytes to spare.
    let longest = Geometry::new(1, 1, limits::PACK_BYTES - 16 * 32_768).unwrap();
    assert_eq!((longest.stripes(), longest.file_size()), (32_760, limits::PACK_BYTES - 128));
}

#[test]
fn misuse_is_refused_and_counts_as_not_given() {
    let geometry = Geometry::new(2, 1, 1000).unwrap();
    assert_eq!((geometry.shard(), geometry.stripes(), geometry.stripe_length(1)), (1024, 1, 0));
    let mut encoder = Encoder::new(geometry);
    for (length, expected) in [(0, 64), (63, 64), (1000, 1024), (1088, 1024)] {
        assert_eq!(encoder.add(&vec![1; length]), Err(ParityError::Length { expected, actual: length }));
    }
    encoder.add(&[1; 128]).unwrap();
    assert_eq!(encoder.add(&[2; 64]), Err(ParityError::Length { expected: 128, actual: 64 }));
    assert_eq!(encoder.finish().err(), Some(ParityError::Missing { expected: 2, actual: 1 }));
    encoder.add(&[2; 128]).unwrap();
    assert_eq!(encoder.add(&[3; 128]), Err(ParityError::Shard { shard: 2 }));
    let recovery = encoder.finish().unwrap().iter().next().unwrap().to_vec();

    let mut mender = Mender::new(geometry, Wanted::Data);
    for (index, result) in [(2, mender.data(2, &[1; 128])), (1, mender.recovery(1, &[1; 128]))] {
        assert_eq!(result, Err(ParityError::Shard { shard: index }));
    }
    assert_eq!(mender.data(0, &[1; 100]), Err(ParityError::Length { expected: 128, actual: 100 }));
    mender.recovery(0, &recovery).unwrap();
    assert_eq!(mender.recovery(0, &recovery), Err(ParityError::Shard { shard: 0 }));
    assert_eq!(mender.data(0, &[1; 64]), Err(ParityError::Length { expected: 128, actual: 64 }));
    mender.data(0, &[1; 128]).unwrap();
    assert_eq!(mender.finish().unwrap().data().collect::<Vec<_>>(), [(1, &[2; 128][..])]);
}

#[test]
fn coders_can_move_to_another_thread() {
    fn assert_send<T: Send>(_: T) {}
    let geometry = Geometry::new(1, 1, 1).unwrap();
    assert_send((Encoder::new(geometry), Mender::new(geometry, Wanted::All), Table::new(geometry)));
}
