//! The check-up meets poolers: it recognises them, and learns whether wake-ups pass. (What it finds in a log and its
//! server is tested where it is shown, with the command line.)

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{
    CheckUpOptions, ConnectOptions, Diagnosis, StoreConfig, Verdict, check_up,
};

use crate::support::{Pooler, TestDb, skipped_without_pooler};

async fn about(config: &StoreConfig, check: &str) -> Result<Diagnosis, TestFailure> {
    let found = check_up(config, CheckUpOptions::default()).await?;
    let one = found.iter().find(|each| each.check == check).cloned();
    Ok(one.ok_or_else(|| format!("nothing about {check}: {found:?}"))?)
}

#[tokio::test]
async fn a_pooler_that_nobody_spoke_of_is_a_fault_whatever_it_does_with_settings() -> TestResult {
    if skipped_without_pooler(
        "checkup::a_pooler_that_nobody_spoke_of_is_a_fault_whatever_it_does_with_settings",
    ) {
        return Ok(());
    }
    let db = TestDb::fresh().await?;
    let mut recognised = 0;
    for settings in ["", "ignore_startup_parameters = options"] {
        let pooler = Pooler::before(db.url(), 4, settings).await?;
        let quiet = |connect| StoreConfig { notify: false, ..StoreConfig::new(connect) };

        let unspoken = about(&quiet(ConnectOptions::parse(&pooler.url())?), "pooler").await?;
        let spoken = about(&quiet(pooler.options()?), "pooler").await?;

        assert_eq!(unspoken.verdict, Verdict::Fail, "{settings:?}: {unspoken:?}");
        assert!(unspoken.advice.is_some_and(|advice| advice.contains("pooler=transaction")));
        assert_eq!(spoken.verdict, Verdict::Ok, "{settings:?}: {spoken:?}");
        recognised += 1;
    }
    let direct = about(&StoreConfig::new(db.url().parse()?), "pooler").await?;
    assert_eq!((direct.verdict, recognised), (Verdict::Ok, 2), "{direct:?}");
    Ok(())
}

#[tokio::test]
async fn a_listen_that_a_pooler_swallows_is_told() -> TestResult {
    if skipped_without_pooler("checkup::a_listen_that_a_pooler_swallows_is_told") {
        return Ok(());
    }
    let db = TestDb::fresh().await?;
    let pooler = Pooler::before(db.url(), 4, "").await?;
    let listening =
        |listen| Ok::<_, TestFailure>(StoreConfig { listen, ..StoreConfig::new(pooler.options()?) });

    let nowhere = about(&listening(None)?, "wakeups").await?;
    let swallowed = about(&listening(Some(ConnectOptions::parse(&pooler.url())?))?, "wakeups").await?;
    let direct = about(&listening(Some(db.url().parse()?))?, "wakeups").await?;

    assert_eq!(nowhere.verdict, Verdict::Warn, "{nowhere:?}");
    assert!(nowhere.advice.is_some_and(|advice| advice.contains("DATABASE_DIRECT_URL")));
    assert_eq!(swallowed.verdict, Verdict::Warn, "{swallowed:?}");
    assert!(swallowed.found.contains("none arrives"), "{swallowed:?}");
    assert_eq!(direct.verdict, Verdict::Ok, "{direct:?}");
    Ok(())
}

#[tokio::test]
async fn every_check_is_made_through_a_pooler() -> TestResult {
    if skipped_without_pooler("checkup::every_check_is_made_through_a_pooler") {
        return Ok(());
    }
    let db = TestDb::fresh().await?;
    let pooler = Pooler::before(db.url(), 1, "").await?;
    let config = StoreConfig { listen: Some(db.url().parse()?), ..StoreConfig::new(pooler.options()?) };

    let direct = check_up(&StoreConfig::new(db.url().parse()?), CheckUpOptions::default()).await?;
    let pooled = check_up(&config, CheckUpOptions::default()).await?;

    let checks = |found: &[Diagnosis]| -> Vec<&'static str> { found.iter().map(|each| each.check).collect() };
    assert_eq!(checks(&direct), checks(&pooled));
    assert!(pooled.iter().all(|each| !each.found.contains("cannot be asked")), "{pooled:?}");
    Ok(())
}
