//! Numbers of packs and names of volumes, told compactly.

use gapvault_formats::names::VolumeName;
use std::fmt;

/// Numbers in ascending order as ranges: each from a first to one past the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(Vec<(u64, u64)>);

/// The most ranges that a message tells.
const TOLD: usize = 12;

impl Numbers {
    /// The ranges.
    #[must_use]
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// How many numbers there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, end)| end - first).sum()
    }

    /// These packs with their noun: `pack 3`, `packs 0 to 2`.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{} {self}", if self.count() == 1 { "pack" } else { "packs" })
    }

    /// The same with their verb: `pack 3 is`, `packs 0 to 2 are`.
    pub(crate) fn are(&self) -> String {
        format!("{} {}", self.named(), if self.count() == 1 { "is" } else { "are" })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// From numbers in ascending order.
impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, end)) if *end == number => *end += 1,
                _ => ranges.push((number, number + 1)),
            }
        }
        Self(ranges)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, end)) in self.0.iter().take(TOLD).enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match end - first {
                1 => write!(f, "{comma}{first}")?,
                2 => write!(f, "{comma}{first}, {}", end - 1)?,
                _ => write!(f, "{comma}{first} to {}", end - 1)?,
            }
        }
        match self.0.get(TOLD..) {
            Some(more) if !more.is_empty() => {
                write!(f, " and {} more", more.iter().map(|(first, end)| end - first).sum::<u64>())
            }
            _ => Ok(()),
        }
    }
}

/// Names of volumes with their noun, those that are numbers as ranges: `volume 3`, `volumes 1 to 15, b`.
#[must_use]
pub fn tell_volumes(names: &[VolumeName]) -> String {
    // A name with a zero before it, or one past all numbers, is told as it is.
    let number = |name: &VolumeName| name.as_str().parse::<u64>().ok().filter(|n| n.to_string() == name.as_str());
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let numbers: Numbers = numbers.into_iter().collect();
    let mut others: Vec<&str> = names.iter().filter(|n| number(n).is_none()).map(AsRef::as_ref).collect();
    others.sort_unstable();
    others.dedup();
    let noun = if numbers.count() + others.len() as u64 == 1 { "volume" } else { "volumes" };
    let mut told: Vec<String> = others.iter().take(TOLD).map(ToString::to_string).collect();
    if !numbers.is_empty() {
        told.insert(0, numbers.to_string());
    }
    let more = others.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{noun} {}{more}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_told_by_ranges() {
        let told = |names: &[&str]| tell_volumes(&names.iter().map(|n| n.parse().unwrap()).collect::<Vec<_>>());
        assert_eq!(told(&["3"]), "volume 3");
        assert_eq!(told(&["10", "9", "8", "1", "9"]), "volumes 1, 8 to 10");
        assert_eq!(told(&["b", "02", "2", "a"]), "volumes 2, 02, a, b");
        assert_eq!(told(&["99999999", "0"]), "volumes 0, 99999999");
        let many: Vec<_> = (0..100).map(|n| format!("v{n}")).collect();
        let many = told(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(many.ends_with(" and 88 more") && many.len() < 100, "{many}");
    }

    #[test]
    fn ranges_are_told_compactly() {
        let numbers: Numbers = [0, 1, 2, 5, 7, 8].into_iter().collect();
        assert_eq!((numbers.to_string().as_str(), numbers.count()), ("0 to 2, 5, 7, 8", 6));
        assert_eq!(numbers.ranges(), [(0, 3), (5, 6), (7, 9)]);
        let many: Numbers = (0..100).map(|n| n * 2).collect();
        assert!(many.to_string().ends_with("22 and 88 more"), "{many}");
    }
}
