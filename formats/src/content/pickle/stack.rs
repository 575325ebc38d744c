//! What a pickle's machine would have on its stack, as far as it tells whether anything is called.

/// The deepest stack that is followed. Python's own pickler puts a thousand items of a list there at a time.
const DEEPEST: usize = 1 << 18;
/// Texts that are remembered, to tell what is imported.
const TEXTS: usize = 1_024;

/// Something on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Where a tuple, list or call begins.
    Mark,
    /// A number, list, dictionary: nothing that can be called.
    Plain,
    /// A text, by its number among those that are remembered.
    Text(Option<u16>),
    /// Something that was imported, or that a call gave.
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
    memo: std::collections::BTreeMap<u64, u16>,
    memoized: u64,
}

impl Item {
    /// Whether it might be called, or have code of its own that runs when it is filled.
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::Unknown)
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

    /// Pops everything down to the last mark, and the mark; gives the first above it and how many there were.
    pub(super) fn pop_to_mark(&mut self) -> Result<(Option<Item>, usize), Halt> {
        let mark = self.items.iter().rposition(|item| *item == Item::Mark).ok_or(Halt::Fault)?;
        let (first, count) = (self.items.get(mark + 1).copied(), self.items.len() - mark - 1);
        self.items.truncate(mark);
        Ok((first, count))
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

    /// Puts the top item into the memo, at `number` or at the next.
    pub(super) fn put(&mut self, number: Option<u64>) -> Result<(), Halt> {
        let number = number.unwrap_or(self.memoized);
        self.memoized += 1;
        if let Item::Text(Some(text)) = self.top()?
            && self.memo.len() < TEXTS
        {
            self.memo.insert(number, text);
        }
        Ok(())
    }

    /// What the memo has at `number`. It need not be known to be there: what is not kept may be anything.
    pub(super) fn get(&mut self, number: u64) -> Result<(), Halt> {
        let known = self.memo.get(&number).copied();
        self.push(known.map_or(Item::Unknown, |text| Item::Text(Some(text))))
    }

    /// For the next pickle of the same file.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
