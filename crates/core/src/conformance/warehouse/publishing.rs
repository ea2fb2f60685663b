//! What every warehouse must do with data models.

use async_trait::async_trait;

use super::{Bench, BySql, checkpoint, expect_error};
use crate::id::{DataModelId, ForeignKeyId, ModelTableId};
use crate::model::ForeignKey;
use crate::name::Identifier;
use crate::stop::Stop;
use crate::warehouse::{Publication, PublishedTable, Refresh, Warehouse, WarehouseErrorKind, WriteMode};

/// Says what readers of published models see.
#[async_trait]
pub trait Versions: Sync {
    /// The alias and the `id` column of each table of the current version; `None` when there is none.
    async fn current(&self, model: DataModelId) -> Option<Vec<(String, Vec<Option<i64>>)>>;
}

/// Runs all checks of publications, on tables of the schema that are missing at first.
///
/// # Panics
/// When the warehouse does not do what it must, saying what.
pub async fn publishing(warehouse: &dyn Warehouse, versions: &dyn Versions, schema: &Identifier) {
    let look = BySql(warehouse);
    let bench = Bench::new(warehouse, &look, schema).await;
    let heads = [(Some(1), Some("a"), 1), (Some(2), Some("b"), 1)];
    bench.load("heads", WriteMode::Replace, &heads, &checkpoint("1")).await;
    let lines = [(Some(10), Some("a"), 1), (Some(11), Some("a"), 2)];
    bench.load("lines", WriteMode::Replace, &lines, &checkpoint("1")).await;

    let model = model(&bench);
    assert_eq!(versions.current(model.model).await, None, "nothing is seen before it is published");
    let report = warehouse.publish(model.clone(), &Stop::never()).await.expect("a model is published");
    assert_eq!((report.rows, report.warnings), (vec![2, 2], Vec::new()));
    let first = versions.current(model.model).await;
    let expected =
        vec![("Heads".to_owned(), vec![Some(1), Some(2)]), ("Lines".to_owned(), vec![Some(10), Some(11)])];
    assert_eq!(first, Some(expected));

    what_fails_changes_nothing(&bench, &model, versions).await;
    kept_tables_stay_as_they_were(&bench, &model, versions).await;
    broken_keys_are_warnings(&bench, &model).await;
    publications_of_one_model_take_turns(&bench, &model, versions).await;
    super::fence::publishing(&bench, &model, versions).await;
}

fn model(bench: &Bench<'_>) -> Publication {
    let table = |name: &str, alias: &str| PublishedTable {
        id: ModelTableId::random(),
        table: bench.table(name),
        alias: super::identifier(alias),
        primary_key: vec![super::identifier("id")],
        refresh: Refresh::Anew,
    };
    let tables = vec![table("heads", "Heads"), table("lines", "Lines")];
    let foreign_keys = vec![ForeignKey {
        id: ForeignKeyId::random(),
        source: tables[0].id,
        target: tables[1].id,
        columns: vec![(super::identifier("id"), super::identifier("version"))],
    }];
    Publication { claim: bench.claim, model: DataModelId::random(), tables, foreign_keys, versions_kept: 2 }
}

async fn what_fails_changes_nothing(bench: &Bench<'_>, model: &Publication, versions: &dyn Versions) {
    let before = versions.current(model.model).await;
    bench.load("heads", WriteMode::Append, &[(Some(3), None, 1)], &checkpoint("2")).await;
    let mut broken = model.clone();
    broken.tables.push(PublishedTable {
        id: ModelTableId::random(),
        table: bench.table("no_such_table"),
        alias: super::identifier("Gone"),
        primary_key: Vec::new(),
        refresh: Refresh::Anew,
    });
    let error = expect_error(bench.warehouse.publish(broken, &Stop::never()).await, "a missing table");
    assert_eq!(error.kind, WarehouseErrorKind::Invalid);
    assert!(error.message.contains("Gone") && error.message.contains("no_such_table"), "{error}");
    assert_eq!(versions.current(model.model).await, before);

    let (handle, stop) = Stop::new();
    handle.request();
    let error = expect_error(bench.warehouse.publish(model.clone(), &stop).await, "a stopped publication");
    assert_eq!(error.kind, WarehouseErrorKind::Canceled);
    assert_eq!(versions.current(model.model).await, before);
}

async fn kept_tables_stay_as_they_were(bench: &Bench<'_>, model: &Publication, versions: &dyn Versions) {
    let rows = [(Some(10), None, 1), (Some(11), None, 2), (Some(12), None, 2)];
    bench.load("lines", WriteMode::Replace, &rows, &checkpoint("3")).await;
    let mut partial = model.clone();
    partial.tables[0].refresh = Refresh::Keep;
    let report = bench.warehouse.publish(partial, &Stop::never()).await.expect("a partial load");
    assert_eq!(report.rows, [2, 3], "the table that was not chosen is kept");
    assert_eq!(report.refreshed, [Refresh::Keep, Refresh::Anew]);
    let current = versions.current(model.model).await.expect("a version");
    assert_eq!(current[0].1, [Some(1), Some(2)]);
    assert_eq!(current[1].1.len(), 3);
    // Without a version before, everything is written anew.
    let mut first = model.clone();
    first.model = DataModelId::random();
    first.tables[0].refresh = Refresh::Keep;
    let report = bench.warehouse.publish(first, &Stop::never()).await.expect("a first partial load");
    assert_eq!((report.rows, report.refreshed), (vec![3, 3], vec![Refresh::Anew, Refresh::Anew]));
    // A table that the model takes from elsewhere by now is another one.
    let mut moved = model.clone();
    moved.tables[0].refresh = Refresh::Keep;
    moved.tables[0].table = bench.table("lines");
    let report = bench.warehouse.publish(moved, &Stop::never()).await.expect("a partial load");
    assert_eq!((report.rows, report.refreshed), (vec![3, 3], vec![Refresh::Anew, Refresh::Anew]));
}

async fn broken_keys_are_warnings(bench: &Bench<'_>, model: &Publication) {
    let heads = [(Some(1), None, 1), (Some(1), None, 1), (None, None, 1)];
    bench.load("heads", WriteMode::Replace, &heads, &checkpoint("4")).await;
    let report =
        bench.warehouse.publish(model.clone(), &Stop::never()).await.expect("broken keys are loaded");
    let has = |words: &[&str]| {
        report.warnings.iter().any(|warning| words.iter().all(|word| warning.contains(word)))
    };
    assert!(has(&["Heads", "primary key", "more than once"]), "{:?}", report.warnings);
    assert!(has(&["Heads", "primary key", "no value"]), "{:?}", report.warnings);
    // Two of the lines belong to head 2, which is gone.
    assert!(has(&["Lines", "2 rows", "Heads"]), "{:?}", report.warnings);

    let mut lost = model.clone();
    lost.tables[0].primary_key = vec![super::identifier("no_such_column")];
    let report =
        bench.warehouse.publish(lost, &Stop::never()).await.expect("a lost key column is no failure");
    assert!(
        report.warnings.iter().any(|warning| warning.contains("no_such_column")),
        "{:?}",
        report.warnings
    );
}

async fn publications_of_one_model_take_turns(
    bench: &Bench<'_>,
    model: &Publication,
    versions: &dyn Versions,
) {
    let stop = Stop::never();
    let publications = [1, 2, 3].map(|_| bench.warehouse.publish(model.clone(), &stop));
    for done in futures::future::join_all(publications).await {
        assert_eq!(done.expect("every publication succeeds").rows, [3, 3]);
    }
    assert_eq!(versions.current(model.model).await.map(|tables| tables.len()), Some(2));
}
