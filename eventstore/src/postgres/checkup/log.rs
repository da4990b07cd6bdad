//! Whether positions are drawn as the fence needs it.

use tokio_postgres::Error;

use super::diagnosis::Diagnosis;
use super::subject::Subject;

const CHECK: &str = "sequence";

/// Looks at the sequence that positions come from.
pub(super) async fn check(subject: &Subject<'_>) -> Diagnosis {
    sequence(subject).await.unwrap_or_else(|error| Diagnosis::unanswered(CHECK, &error))
}

async fn sequence(subject: &Subject<'_>) -> Result<Diagnosis, Error> {
    let shape = subject.row(&subject.statements.checkup_sequence).await?;
    let opening = subject.row(&subject.statements.opening).await?;
    let (cache, increment): (i64, i64) = (shape.try_get("cache")?, shape.try_get("increment")?);
    let (last_drawn, last_position): (i64, i64) =
        (opening.try_get("last_drawn")?, opening.try_get("last_position")?);
    let schema = &subject.config.schema;
    if last_drawn < last_position {
        let found = format!("the last position drawn is {last_drawn}, the last event is at {last_position}");
        return Ok(Diagnosis::fail(
            CHECK,
            found,
            "new events would come behind readers; run: annals db repair",
        ));
    }
    if cache != 1 || increment != 1 || shape.try_get("is_cycling")? {
        let found = "sessions draw positions in advance, or not one after the other: readers may skip events";
        let advice = format!("alter sequence {schema}.events_position_seq increment 1 cache 1 no cycle");
        return Ok(Diagnosis::fail(CHECK, found, advice));
    }
    Ok(Diagnosis::ok(CHECK, format!("the last position drawn is {last_drawn}")))
}
