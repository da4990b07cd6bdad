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
    /// Up to where the fence was clear right after the page.
    pub(super) clear_to: i64,
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
    /// The last event that was there before the schedule, 0 when there was none.
    pub(super) before: i64,
}

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A committed event was never delivered, or one was delivered twice or before a lower one.
    DeliveredIsNotCommitted,
    /// The fence was clear at or above the position of a transaction that was still open.
    ClearAboveAnOpenPosition,
    /// A page was settled at a position where no event stands: a crash may let it be drawn again.
    SettledWhereNothingIs,
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
            (self.pages.iter().any(|page| self.is_clear_too_far(page)), Fault::ClearAboveAnOpenPosition),
            (self.pages.iter().any(|page| self.is_settled_nowhere(page)), Fault::SettledWhereNothingIs),
            (self.versions_fall(), Fault::VersionFallsWithPosition),
            (
                self.pages.last().is_none_or(|page| page.settled_to < self.last_event()),
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

    fn last_event(&self) -> i64 {
        self.committed.last().map_or(self.before, |event| event.position)
    }

    fn is_clear_too_far(&self, page: &Page) -> bool {
        page.open_writers.iter().any(|writer| self.drawn[*writer] <= page.clear_to)
    }

    fn is_settled_nowhere(&self, page: &Page) -> bool {
        page.settled_to != self.before && !self.committed().contains(&page.settled_to)
    }

    fn versions_fall(&self) -> bool {
        let mut by_stream = self.committed.clone();
        by_stream.sort_by_key(|event| (event.stream, event.position));
        by_stream.windows(2).any(|two| two[0].stream == two[1].stream && two[0].version >= two[1].version)
    }
}
