//! The instructions of pickle, protocols 0 to 5, and what each does to the stack.
//!
//! Source: the documentation of Python's `pickletools`.

use super::stack::{Halt, Item, Stack};

/// What follows an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    /// Nothing.
    None,
    /// So many bytes.
    Fixed(u8),
    /// A little-endian length of so many bytes, then as many bytes.
    Counted(u8),
    /// A line.
    Line,
    /// Two lines.
    TwoLines,
}

/// What an instruction comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The machine goes on.
    On,
    /// Something is imported: the two texts popped last.
    Import(Item, Item),
    /// Something is imported that the reading program gave a number.
    Extension,
    /// Something that was imported is called, or filled with what tells that it is.
    Call,
    /// It says that a protocol is used; those before 2 don't.
    Protocol,
    /// The end.
    Stop,
}

pub(super) const INST: u8 = b'i';
pub(super) const GLOBAL: u8 = b'c';
const HIGHEST_PROTOCOL: u64 = 15;

/// What follows `op`; `None` if it is no instruction.
pub(super) fn argument(op: u8) -> Option<Argument> {
    use Argument::{Counted, Fixed, Line, None as Nothing, TwoLines};
    Some(match op {
        b'('
        | b'.'
        | b'0'
        | b'1'
        | b'2'
        | b'N'
        | b'Q'
        | b'R'
        | b'a'
        | b'b'
        | b'd'
        | b'}'
        | b'e'
        | b'l'
        | b']'
        | b'o'
        | b's'
        | b't'
        | b')'
        | b'u'
        | 0x81
        | 0x85..=0x89
        | 0x8f..=0x94
        | 0x97
        | 0x98 => Nothing,
        b'K' | b'h' | b'q' | 0x80 | 0x82 => Fixed(1),
        b'M' | 0x83 => Fixed(2),
        b'J' | b'j' | b'r' | 0x84 => Fixed(4),
        b'G' | 0x95 => Fixed(8),
        b'U' | b'C' | 0x8a | 0x8c => Counted(1),
        b'T' | b'X' | b'B' | 0x8b => Counted(4),
        0x8d | 0x8e | 0x96 => Counted(8),
        b'F' | b'I' | b'L' | b'P' | b'S' | b'V' | b'g' | b'p' => Line,
        GLOBAL | INST => TwoLines,
        _ => return None,
    })
}

/// Whether a counted length is a signed number of 4 bytes.
pub(super) fn is_signed(op: u8) -> bool {
    matches!(op, b'T' | 0x8b)
}

/// What `op` does, with its argument: a number, `None` if it is not known, or the bytes of a text if they are short.
pub(super) fn step(op: u8, number: Option<u64>, text: Option<&[u8]>, stack: &mut Stack) -> Result<Step, Halt> {
    match op {
        b'(' => stack.push(Item::Mark)?,
        b'.' => {
            stack.pop()?;
            return Ok(Step::Stop);
        }
        b'0' => stack.pop_any()?,
        b'1' => drop(stack.pop_to_mark()?),
        b'2' => {
            let top = stack.top()?;
            stack.push(top)?;
        }
        b'F' | b'I' | b'L' | b'J' | b'K' | b'M' | b'N' | b'G' | 0x88..=0x8b => stack.push(Item::Plain)?,
        b'}' | b']' | b')' | 0x8f | b'B' | b'C' | 0x8e | 0x96 => stack.push(Item::Made)?,
        b'S' | b'V' | b'T' | b'U' | b'X' | 0x8c | 0x8d => stack.push_text(text)?,
        b'P' | 0x97 => stack.push(Item::Unknown)?,
        b'Q' => {
            stack.pop()?;
            stack.push(Item::Unknown)?;
        }
        b'g' | b'h' | b'j' => stack.get(number)?,
        b'p' | b'q' | b'r' => stack.put(number)?,
        0x94 => stack.memoize()?,
        b'a' | b'b' => return fill(stack, 1),
        b's' => return fill(stack, 2),
        b'e' | b'u' | 0x90 => {
            let tells = stack.pop_to_mark()?.tells;
            return filled(stack, tells);
        }
        b'd' | b'l' | b't' | 0x91 => {
            stack.pop_to_mark()?;
            stack.push(Item::Made)?;
        }
        0x85..=0x87 => {
            for _ in 0x84..op {
                stack.pop()?;
            }
            stack.push(Item::Made)?;
        }
        b'R' | 0x81 => return call(stack, 1),
        0x92 => return call(stack, 2),
        b'o' => {
            let class = stack.pop_to_mark()?.first;
            stack.push(Item::Live)?;
            return if class.is_some_and(Item::is_live) { Ok(Step::Call) } else { Err(Halt::Fault) };
        }
        INST => {
            stack.pop_to_mark()?;
            stack.push(Item::Live)?;
            return Ok(Step::Call);
        }
        GLOBAL => {
            stack.push(Item::Import)?;
            return Ok(Step::On);
        }
        0x82..=0x84 => {
            stack.push(Item::Import)?;
            return Ok(Step::Extension);
        }
        0x93 => {
            let (name, module) = (stack.pop()?, stack.pop()?);
            // What was imported may be a text too, such as `os.__name__`.
            let texts = [name, module].iter().all(|item| matches!(item, Item::Text(_)) || item.is_live());
            stack.push(Item::Import)?;
            return if texts { Ok(Step::Import(module, name)) } else { Err(Halt::Fault) };
        }
        0x80 if number.is_some_and(|number| number <= HIGHEST_PROTOCOL) => return Ok(Step::Protocol),
        0x95 => {}
        0x98 => drop(stack.top()?),
        _ => return Err(Halt::Fault),
    }
    Ok(Step::On)
}

/// Puts `items` into what stands below them, or builds on it.
fn fill(stack: &mut Stack, items: u8) -> Result<Step, Halt> {
    let mut tells = false;
    for _ in 0..items {
        tells |= stack.pop()?.tells();
    }
    filled(stack, tells)
}

/// What stands on top was filled. A list or dictionary only takes what it gets; anything else has code for that. Python
/// goes on after building with nothing, an empty tuple or dictionary on anything.
fn filled(stack: &Stack, tells: bool) -> Result<Step, Halt> {
    Ok(if stack.top()?.is_live() && tells { Step::Call } else { Step::On })
}

/// Calls what stands below so many arguments: with the second popped, the first are given by name.
fn call(stack: &mut Stack, arguments: u8) -> Result<Step, Halt> {
    let mut argument = Item::Plain;
    for _ in 0..arguments {
        argument = stack.pop()?;
    }
    let called = stack.pop()?;
    stack.push(Item::Live)?;
    match argument {
        // A number holds no arguments.
        Item::Plain => Err(Halt::Fault),
        _ if !called.is_live() => Err(Halt::Fault),
        _ if argument.tells() => Ok(Step::Call),
        _ => Ok(Step::On),
    }
}
