//! Payloads through the codec of a store: what is appended is sealed, what is read is opened.
//!
//! Without a codec everything passes as it is.

use crate::append::{Append, AppendError};
use crate::append_many::AppendMany;
use crate::content_hash::{content_of, content_of_many};
use crate::decisions::AppendDecisions;
use crate::event::{NewEvent, RecordedEvent};
use crate::payload_codec::{PayloadCodec, PayloadCoding, PayloadOf};
use crate::snapshot::{NewSnapshot, SnapshotError, SnapshotKind, StoredSnapshot, snapshot_hash};
use crate::stream::StreamName;

impl PayloadCoding {
    /// Seals the events of an append.
    pub(crate) fn seal(&self, mut append: Append) -> Result<Append, AppendError> {
        let Some(codec) = self.codec() else { return Ok(append) };
        if append.key.is_some() {
            append.fingerprint.get_or_insert_with(|| content_of(&append.stream, &append.events));
        }
        seal_all(codec, append.events.iter_mut().map(|event| (&append.stream, event)))?;
        Ok(append)
    }

    /// Seals the events of an append to several streams.
    pub(crate) fn seal_many(&self, mut append: AppendMany) -> Result<AppendMany, AppendError> {
        let Some(codec) = self.codec() else { return Ok(append) };
        if append.key.is_some() && append.fingerprint.is_none() {
            append.fingerprint = Some(content_of_many(&append));
        }
        let parts = append.streams.iter_mut();
        seal_all(codec, parts.flat_map(|part| part.events.iter_mut().map(|event| (&part.stream, event))))?;
        Ok(append)
    }

    /// Seals the events of decisions.
    pub(crate) fn seal_decisions(&self, mut append: AppendDecisions) -> Result<AppendDecisions, AppendError> {
        let Some(codec) = self.codec() else { return Ok(append) };
        let stream = &append.stream;
        for decision in append.decisions.iter_mut().filter(|decision| decision.key.is_some()) {
            decision.fingerprint.get_or_insert_with(|| content_of(stream, &decision.events));
        }
        let events = append.decisions.iter_mut().flat_map(|decision| &mut decision.events);
        seal_all(codec, events.map(|event| (stream, event)))?;
        Ok(append)
    }

    /// Opens a recorded event.
    pub(crate) fn open(&self, event: RecordedEvent) -> RecordedEvent {
        let Some(codec) = self.codec() else { return event };
        let RecordedEvent { stream, id, event_type, schema_version, .. } = &event;
        let of = PayloadOf::Event { stream, id: *id, event_type, schema_version: *schema_version };
        let data = codec.open(of, &event.data).unwrap_or_else(|why| event.data.unreadable(&*why));
        RecordedEvent { data, ..event }
    }

    /// Seals a state.
    pub(crate) fn seal_snapshot(&self, new: NewSnapshot) -> Result<NewSnapshot, SnapshotError> {
        let Some(codec) = self.codec() else { return Ok(new) };
        let NewSnapshot { stream, kind, version, .. } = &new;
        let of = PayloadOf::Snapshot { stream, kind, version: *version };
        let state = codec.seal(of, &new.state).map_err(SnapshotError::Sealing)?;
        Ok(NewSnapshot { state, ..new })
    }

    /// Opens a state that is as it was written; any other stays what it is.
    pub(crate) fn open_snapshot(
        &self,
        stream: &StreamName,
        kind: &SnapshotKind,
        stored: StoredSnapshot,
    ) -> StoredSnapshot {
        let Some(codec) = self.codec().filter(|_| stored.is_intact()) else { return stored };
        let of = PayloadOf::Snapshot { stream, kind, version: stored.version };
        let state = codec.open(of, &stored.state).unwrap_or_else(|why| stored.state.unreadable(&*why));
        StoredSnapshot { hash: snapshot_hash(stored.version, &state), state, ..stored }
    }
}

fn seal_all<'a>(
    codec: &dyn PayloadCodec,
    events: impl Iterator<Item = (&'a StreamName, &'a mut NewEvent)>,
) -> Result<(), AppendError> {
    for (index, (stream, event)) in events.enumerate() {
        let NewEvent { id, event_type, schema_version, data, .. } = event;
        let of = PayloadOf::Event { stream, id: *id, event_type, schema_version: *schema_version };
        *data = codec.seal(of, data).map_err(|source| AppendError::Sealing { index, source })?;
    }
    Ok(())
}
