//! Numbers of packs, told compactly.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_told_compactly() {
        let numbers: Numbers = [0, 1, 2, 5, 7, 8].into_iter().collect();
        assert_eq!((numbers.to_string().as_str(), numbers.count()), ("0 to 2, 5, 7, 8", 6));
        assert_eq!(numbers.ranges(), [(0, 3), (5, 6), (7, 9)]);
        let many: Numbers = (0..100).map(|n| n * 2).collect();
        assert!(many.to_string().ends_with("22 and 88 more"), "{many}");
    }
}
