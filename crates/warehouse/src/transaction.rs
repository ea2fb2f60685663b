//! A transaction for the SQL of a user.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use async_trait::async_trait;
use duckdb::Connection;
use forebay_core::execution::Claim;
use forebay_core::name::Identifier;
use forebay_core::stop::Stop;
use forebay_core::warehouse::{Transaction, WarehouseError};

use crate::claims::Shows;
use crate::duckdb::{make_schemas, set_search_path};
use crate::error::{failed, invalid};
use crate::fold::fold_if_long;
use crate::guard::{Effect, check_statement};
use crate::memory::Asking;
use crate::session::{Halt, Session};

/// Rolled back when it is dropped: the engine does so when the connection closes.
pub(crate) struct UserTransaction {
    session: Session,
    _asking: Asking,
    claim: Claim,
    shows: Arc<Shows>,
    /// Some errors leave the engine's transaction usable; ours is all or nothing.
    failed: bool,
}

impl UserTransaction {
    pub(crate) async fn begin(
        mut session: Session,
        schemas: &[Identifier],
        claim: Claim,
        shows: Arc<Shows>,
    ) -> Result<Self, WarehouseError> {
        let _asking = session.instance()?.memory.ask()?;
        let (schemas, turns) = (schemas.to_vec(), Arc::clone(&shows));
        session
            .run(&Stop::never(), move |connection, halt| {
                turns.check(claim)?;
                // A name that is missing is refused, which is less work than a look at all of them.
                if set_search_path(connection, &schemas).is_err() {
                    make_schemas(connection, halt, &schemas, claim, &turns)?;
                    set_search_path(connection, &schemas)?;
                }
                connection.execute_batch("BEGIN TRANSACTION").map_err(failed)
            })
            .await?;
        Ok(Self { session, _asking, claim, shows, failed: false })
    }
}

#[async_trait]
impl Transaction for UserTransaction {
    async fn execute(&mut self, sql: &str, stop: &Stop) -> Result<u64, WarehouseError> {
        // Until the statement has ended well: its future may be dropped.
        let failed_before = std::mem::replace(&mut self.failed, true);
        let effect = check_statement(sql)?;
        let sql = sql.to_owned();
        let rows = self.session.run(stop, move |connection, _| execute(connection, &sql, effect)).await?;
        self.failed = failed_before;
        Ok(rows)
    }

    async fn commit(self: Box<Self>) -> Result<(), WarehouseError> {
        if self.failed {
            return Err(invalid("a statement of the transaction failed, so none of them was kept"));
        }
        forebay_core::fault::point("transaction.before_commit");
        let (claim, shows) = (self.claim, Arc::clone(&self.shows));
        let commit = move |connection: &Connection, halt: &Halt| {
            let _turn = shows.turn_of(claim, halt)?;
            crate::show::commit(connection, halt)
        };
        let Self { mut session, _asking, .. } = *self;
        let committed = session.run(&Stop::never(), commit).await;
        fold_if_long(session);
        committed
    }
}

fn execute(connection: &Connection, sql: &str, effect: Effect) -> Result<u64, WarehouseError> {
    forebay_core::fault::point("statement.before");
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = 0;
    for batch in statement.stream_arrow([]).map_err(failed)? {
        let batch = batch.map_err(failed)?;
        rows += match (effect, changed(&batch)) {
            (Effect::Changes, Some(changed)) => changed,
            _ => batch.num_rows() as u64,
        };
    }
    Ok(rows)
}

/// What a changing statement answers with: one row that counts.
fn changed(batch: &RecordBatch) -> Option<u64> {
    match batch.columns() {
        [count]
            if *count.data_type() == DataType::Int64
                && count.len() == 1
                && batch.schema().field(0).name() == "Count" =>
        {
            Some(count.as_primitive::<Int64Type>().value(0).unsigned_abs())
        }
        _ => None,
    }
}
