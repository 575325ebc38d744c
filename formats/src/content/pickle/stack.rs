//! What a pickle's machine would have on its stack, as far as it tells whether anything is called.

use std::collections::BTreeMap;

/// The deepest stack that is followed. Python's own pickler puts a thousand items of a list there at a time.
const DEEPEST: usize = 1 << 18;
/// Texts that are remembered, to tell what is imported.
const TEXTS: usize = 1_024;

/// Something on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Where a tuple, list or call begins.
    Mark,
    /// A number, a truth value, nothing.
    Plain,
    /// A list, tuple, dictionary, set, bytes: nothing that can be called either.
    Made,
    /// A text, by its number among those that are remembered.
    Text(Option<u16>),
    /// Something that was imported.
    Import,
    /// What a call gave.
    Live,
    /// Something from the memo, or that the reader of the pickle provides.
    Unknown,
}

/// The machine would stop here with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// Nothing could go on from here.
    Fault,
    /// It is deeper than is followed.
    Deep,
}

/// The stack, the memo's texts.
#[derive(Debug, Default)]
pub(super) struct Stack {
    items: Vec<Item>,
    texts: Vec<Box<str>>,
    memo: BTreeMap<u64, u16>,
    /// The memo has all numbers below this one and no others, unless there are `gaps`.
    next: u64,
    gaps: bool,
}

/// What stood above a mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Above {
    /// The lowest of it.
    pub(super) first: Option<Item>,
    /// Whether any of it [tells](Item::tells).
    pub(super) tells: bool,
}

impl Item {
    /// Whether it might be called, or have code of its own that runs when it is filled.
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Import | Self::Live | Self::Unknown)
    }

    /// Whether what takes it as an argument is hardly a text by chance. In words, one a line, `c` imports the next two
    /// and `a` appends them; and what is only imported, or counted, was not chosen by whoever made the pickle.
    pub(super) fn tells(self) -> bool {
        !matches!(self, Self::Mark | Self::Plain | Self::Import)
    }
}

impl Stack {
    pub(super) fn push(&mut self, item: Item) -> Result<(), Halt> {
        if self.items.len() == DEEPEST {
            return Err(Halt::Deep);
        }
        self.items.push(item);
        Ok(())
    }

    /// Pushes a text, and remembers it if there is one and room.
    pub(super) fn push_text(&mut self, text: Option<&[u8]>) -> Result<(), Halt> {
        let mut number = None;
        if let (Some(text), true) = (text, self.texts.len() < TEXTS) {
            number = u16::try_from(self.texts.len()).ok();
            self.texts.push(String::from_utf8_lossy(text).into());
        }
        self.push(Item::Text(number))
    }

    pub(super) fn pop(&mut self) -> Result<Item, Halt> {
        match self.items.pop() {
            None | Some(Item::Mark) => Err(Halt::Fault),
            Some(item) => Ok(item),
        }
    }

    /// Pops what stands on top, be it a mark.
    pub(super) fn pop_any(&mut self) -> Result<(), Halt> {
        self.items.pop().map(|_| ()).ok_or(Halt::Fault)
    }

    /// Pops everything down to the last mark, and the mark.
    pub(super) fn pop_to_mark(&mut self) -> Result<Above, Halt> {
        let mark = self.items.iter().rposition(|item| *item == Item::Mark).ok_or(Halt::Fault)?;
        let above = &self.items[mark + 1..];
        let above = Above { first: above.first().copied(), tells: above.iter().any(|item| item.tells()) };
        self.items.truncate(mark);
        Ok(above)
    }

    pub(super) fn top(&self) -> Result<Item, Halt> {
        self.items.last().copied().filter(|item| *item != Item::Mark).ok_or(Halt::Fault)
    }

    pub(super) fn text(&self, item: Item) -> &str {
        match item {
            Item::Text(Some(number)) => self.texts.get(usize::from(number)).map_or("?", |text| text),
            _ => "?",
        }
    }

    /// Puts the top item into the memo at `number`.
    pub(super) fn put(&mut self, number: Option<u64>) -> Result<(), Halt> {
        let top = self.top()?;
        match number {
            Some(number) if number < self.next && !self.gaps => {}
            Some(number) if number == self.next => self.next += 1,
            _ => self.gaps = true,
        }
        self.remember(number, top);
        Ok(())
    }

    /// Puts the top item into the memo, at the number of things in it.
    pub(super) fn memoize(&mut self) -> Result<(), Halt> {
        let top = self.top()?;
        self.remember((!self.gaps).then_some(self.next), top);
        self.next += 1;
        Ok(())
    }

    /// Of what has a text at an unknown number, any other text in the memo may have been written over.
    fn remember(&mut self, number: Option<u64>, item: Item) {
        match (number, item) {
            (Some(number), Item::Text(Some(text))) if self.memo.len() < TEXTS => drop(self.memo.insert(number, text)),
            (Some(number), _) => drop(self.memo.remove(&number)),
            (None, _) => self.memo.clear(),
        }
    }

    /// What the memo has at `number`. It need not be known to be there: what is not kept may be anything.
    pub(super) fn get(&mut self, number: Option<u64>) -> Result<(), Halt> {
        let known = number.and_then(|number| self.memo.get(&number)).copied();
        self.push(known.map_or(Item::Unknown, |text| Item::Text(Some(text))))
    }

    /// For the next pickle of the same file. Some readers keep the memo, so that it is not known how much is in it.
    pub(super) fn clear(&mut self) {
        *self = Self { gaps: true, ..Self::default() };
    }
}
