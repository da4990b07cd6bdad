//! What came of a schedule, and what must not have come of it.

/// An event as the log holds it when everything is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) position: i64,
    pub(super) stream: i64,
    pub(super) version: i64,
}

/// One read, as a subscription does it.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) positions: Vec<i64>,
    pub(super) settled_to: i64,
    /// The writers whose transactions had not ended when the page came.
    pub(super) open_writers: Vec<usize>,
}

/// What came of a schedule.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// What was committed, by rising position.
    pub(super) committed: Vec<Stored>,
    /// The pages of the schedule, and one more that was read when everybody was done.
    pub(super) pages: Vec<Page>,
    /// By writer: the position it drew.
    pub(super) drawn: Vec<i64>,
    /// The last position that anybody drew.
    pub(super) last_drawn: i64,
}

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A committed event was never delivered, or one was delivered twice or before a lower one.
    DeliveredIsNotCommitted,
    /// A page was settled at or above the position of a transaction that was still open.
    SettledAboveAnOpenPosition,
    /// A later version of a stream stands at a lower position.
    VersionFallsWithPosition,
    /// When everybody was done, the reader was still held back.
    HeldBackByNobody,
}

impl Outcome {
    /// Every promise that was broken.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let checks = [
            (self.delivered() != self.committed(), Fault::DeliveredIsNotCommitted),
            (self.pages.iter().any(|page| self.is_settled_too_far(page)), Fault::SettledAboveAnOpenPosition),
            (self.versions_fall(), Fault::VersionFallsWithPosition),
            (
                self.pages.last().is_none_or(|page| page.settled_to != self.last_drawn),
                Fault::HeldBackByNobody,
            ),
        ];
        checks.into_iter().filter_map(|(broken, fault)| broken.then_some(fault)).collect()
    }

    fn committed(&self) -> Vec<i64> {
        self.committed.iter().map(|event| event.position).collect()
    }

    fn delivered(&self) -> Vec<i64> {
        self.pages.iter().flat_map(|page| page.positions.iter().copied()).collect()
    }

    fn is_settled_too_far(&self, page: &Page) -> bool {
        page.open_writers.iter().any(|writer| self.drawn[*writer] <= page.settled_to)
    }

    fn versions_fall(&self) -> bool {
        let mut by_stream = self.committed.clone();
        by_stream.sort_by_key(|event| (event.stream, event.position));
        by_stream.windows(2).any(|two| two[0].stream == two[1].stream && two[0].version >= two[1].version)
    }
}
