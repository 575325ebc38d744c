//! The main job, once across.

use crate::support::{Gap, assert_same_tree};

#[test]
fn a_checkpoint_crosses_and_comes_out_the_same() {
    let gap = Gap::new();
    gap.export_sample();
    gap.on_stick("verify").expect(0);
    gap.import().expect(0);
    let again = gap.import().expect(0);
    assert!(again.out.contains("already: nothing was done"), "{again:#?}");
    gap.checkout("model:v1", "out").expect(0);
    assert_same_tree(&gap.path("sample"), &gap.path("out"));
    gap.checkout("model:v1", "out").refused(2, "exists");
}
