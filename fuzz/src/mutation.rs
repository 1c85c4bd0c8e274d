//! Inputs: seeds as they are, then seeds with a few things done to them.
//!
//! Knows bytes, and words that mean something to whoever reads them. Refuses to know who that is.

/// Mutated inputs are cut to this.
const LONGEST: usize = 4 << 10;

/// Inputs that are gone on from.
const MOST_SEEDS: usize = 4096;

/// Bytes that mean something in more than one grammar.
const SPECIAL: &[u8] = b"\0\t\n\r \"#%'*+,-./09:;<=>?@AFZ[\\]_afz{|}~\x1b\x7f\x80\xc2\xff";

/// xorshift64*: the same inputs for the same seed, wherever it runs.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `n`; 0 for 0.
    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 11) as usize % n.max(1)
    }
}

/// Makes inputs for one target.
pub struct Mutator {
    /// Those that were given; what is kept comes behind them.
    n_given: usize,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    random: Random,
}

impl Mutator {
    /// The same inputs for the same `seed`.
    pub fn new(seeds: Vec<Vec<u8>>, words: &'static [&'static str], seed: u64) -> Mutator {
        Mutator {
            n_given: seeds.len(),
            seeds,
            words,
            random: Random(seed.max(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        }
    }

    /// The n-th input: first every seed as it is.
    pub fn input(&mut self, n: u64) -> Vec<u8> {
        if let Some(seed) = usize::try_from(n).ok().filter(|n| *n < self.n_given).map(|n| &self.seeds[n]) {
            return seed.clone();
        }
        let mut input = self.seed();
        // Mostly little is done: what has no likeness to anything is soon refused.
        let times = 1 << self.random.below(4);
        for _ in 0..=self.random.below(times) {
            self.mutate(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    /// Goes on from this one too, as it came to something new.
    pub fn keep(&mut self, input: &[u8]) {
        if self.seeds.len() < MOST_SEEDS {
            self.seeds.push(input.to_vec());
        }
    }

    fn seed(&mut self) -> Vec<u8> {
        let n = self.random.below(self.seeds.len());
        self.seeds.get(n).cloned().unwrap_or_default()
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        let end = (at + 1 + self.random.below(8)).min(input.len());
        match self.random.below(10) {
            0 if at < input.len() => input[at] ^= 1 << self.random.below(8),
            1 if at < input.len() => input[at] = self.random.next() as u8,
            2 if at < input.len() => input[at] = self.special(),
            3 => input.insert(at, self.special()),
            4 => drop(input.drain(at..end)),
            5 => {
                let copy = input[at..end].to_vec();
                let to = self.random.below(input.len() + 1);
                input.splice(to..to, copy);
            }
            6 => input.truncate(at),
            7 => {
                let other = self.seed();
                let from = self.random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            8 => self.change_number(input, at),
            _ => {
                let word = self.words[self.random.below(self.words.len())].as_bytes();
                let end = if self.random.below(2) == 0 { at } else { end };
                input.splice(at..end, word.iter().copied());
            }
        }
    }

    fn special(&mut self) -> u8 {
        SPECIAL[self.random.below(SPECIAL.len())]
    }

    /// The number at a place, or the next one behind it, becomes another.
    fn change_number(&mut self, input: &mut Vec<u8>, at: usize) {
        let Some(start) = input[at..].iter().position(u8::is_ascii_digit).map(|found| at + found) else {
            return;
        };
        let count = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = String::from_utf8_lossy(&input[start..start + count]).into_owned();
        let value = text.parse().unwrap_or(u64::MAX);
        let other = match self.random.below(6) {
            0 => value.wrapping_add(1),
            1 => value.wrapping_sub(1),
            2 => value.wrapping_mul(1 << self.random.below(64)),
            3 => 0,
            4 => u64::MAX >> self.random.below(64),
            _ => self.random.below(1000) as u64,
        };
        input.splice(start..start + count, other.to_string().into_bytes());
    }
}
