//! Those who send commands: at random, along every way, some of them again.

use std::sync::Arc;
use std::time::Duration;

use annals::aggregates::ExecuteOptions;
use annals::eventstore::Fingerprint;

use super::process::Route;
use super::record::{Answer, Attempt};
use super::stage::Stage;
use super::vault::{Ask, Order};
use crate::support::Dice;

/// How many vaults there are: few, so that commands meet.
pub(super) const VAULTS: u32 = 6;

/// A command that may be sent again.
#[derive(Debug, Clone, Copy)]
struct Known {
    vault: u32,
    order: Order,
}

/// Sends commands until the time is over. Returns those under a key whose outcome is not known.
pub(super) async fn send_commands(stage: Arc<Stage>, worker: u64, mut dice: Dice) {
    let mut keyed: Vec<Known> = Vec::new();
    for turn in 0.. {
        if stage.is_over() {
            break;
        }
        let again = dice.roll(6) == 0 && !keyed.is_empty();
        let known = if again {
            let recent = keyed.len() as u64;
            keyed[(recent - 1 - dice.roll(recent.min(12))) as usize]
        } else {
            let known = draw(worker * 1_000_000 + turn, &mut dice);
            // By its number: whoever repeats a command names the key again.
            keyed.extend(is_keyed(known.order).then_some(known));
            known
        };
        if again {
            stage.record.count("repeats sent");
        }
        let answer = send(&stage, known, &mut dice).await;
        // The server or the process starts again.
        if matches!(answer, Answer::Untouched | Answer::Unknown) {
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        if dice.roll(4) == 0 {
            tokio::time::sleep(Duration::from_micros(dice.roll(8_000))).await;
        }
    }
    settle(&stage, &keyed, &mut dice).await;
}

fn draw(number: u64, dice: &mut Dice) -> Known {
    let ask = match dice.roll(20) {
        0..8 => Ask::Put(1 + dice.roll(20)),
        8..16 => Ask::Take(1 + dice.roll(30)),
        16..18 => Ask::Empty,
        _ => Ask::Look,
    };
    Known { vault: dice.roll(VAULTS.into()) as u32, order: Order { number, ask } }
}

/// Two commands of three have a key.
fn is_keyed(order: Order) -> bool {
    !order.number.is_multiple_of(3)
}

fn options(order: Order, dice: &mut Dice) -> ExecuteOptions {
    let attempts = if dice.roll(4) == 0 { 1 } else { ExecuteOptions::default().attempts };
    if !is_keyed(order) {
        return ExecuteOptions { attempts, ..ExecuteOptions::default() };
    }
    let keyed =
        ExecuteOptions { attempts, ..ExecuteOptions::keyed(format!("order {}", order.number).as_str()) };
    // What is emptied differs from time to time; the others are compared by their events now and then.
    if order.ask == Ask::Empty || order.number.is_multiple_of(2) {
        return keyed.with_fingerprint(Fingerprint::of(format!("{order:?}").as_str()));
    }
    keyed
}

/// Sends a command, at times twice at once, at times without waiting for the answer.
async fn send(stage: &Stage, known: Known, dice: &mut Dice) -> Answer {
    let together = is_keyed(known.order) && dice.roll(12) == 0;
    if together {
        stage.record.count("repeats sent at once");
        let (mut one, mut other) = (dice.fork(), dice.fork());
        let (answer, _) =
            tokio::join!(send_once(stage, known, &mut one), send_once(stage, known, &mut other));
        return answer;
    }
    send_once(stage, known, dice).await
}

async fn send_once(stage: &Stage, Known { vault, order }: Known, dice: &mut Dice) -> Answer {
    let known = stage.record.known(vault, order);
    let (route, options) = (Route::ALL[dice.roll(4) as usize], options(order, dice));
    let mut task = stage.process(dice).send(route, vault, order, options);
    stage.record.count("commands sent");
    let leaves = dice.roll(40) == 0;
    let answer = if leaves {
        let patience = Duration::from_micros(dice.roll(3_000));
        match tokio::time::timeout(patience, &mut task).await {
            Ok(answered) => answered.unwrap_or(Answer::Unknown),
            Err(_) => {
                task.abort();
                stage.record.count("callers gone");
                Answer::Unknown
            }
        }
    } else {
        task.await.unwrap_or(Answer::Unknown)
    };
    stage.record.note(Attempt { vault, order, known, answer: answer.clone() });
    answer
}

/// Asks again for every command under a key, until there is an answer.
async fn settle(stage: &Stage, keyed: &[Known], dice: &mut Dice) {
    for known in keyed {
        while let Answer::Unknown | Answer::Conflict | Answer::Untouched =
            send_once(stage, *known, dice).await
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
