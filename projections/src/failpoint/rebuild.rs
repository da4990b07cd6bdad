//! The fail points of whoever does the steps of rebuilds.

annals_eventstore::fail_points!(
    /// A rebuild was asked for, and there is nothing of it.
    rebuild_before_tables,
    /// Its tables are made, and it is not said that they can be filled.
    rebuild_before_filling,
    /// It is said, and nobody knows whether it was committed.
    rebuild_after_filling,
    /// The new tables are nearly as far as the live ones.
    swap_before_freeze,
    /// No batch of the live projection can commit, and the new tables have come as far.
    swap_after_freeze,
    /// Nothing stands in the way.
    swap_before_rights,
    /// The new tables have the rights of the old ones.
    swap_before_rename,
    /// They have their name.
    swap_before_checkpoints,
    /// They have their checkpoints.
    swap_before_parked,
    /// They have what is parked, and their filler is forgotten.
    swap_before_note,
    /// Everything is done but the commit.
    swap_before_commit,
    /// The tables have changed places, and the old ones are there.
    swap_after_commit,
    /// What fills a rebuild that ends is known still.
    remove_before_forgetting,
    /// It is forgotten, and its tables are there.
    remove_after_forgetting,
    /// Tables are to be dropped.
    drop_before_tables,
    /// They are, and the rebuild has not ended.
    drop_before_end,
    /// It has, and nobody knows whether that was committed.
    drop_after_end,
);
