//! Lists of tables on the wire.

use forebay_core::Result;
use forebay_core::extraction::SourceTableName;
use forebay_core::name::Identifier;
use forebay_core::source::{SourceColumn, SourceTable};
use forebay_core::warehouse::{PoolColumn, PoolTable, PoolTableKind, WarehouseTable};

use crate::protocol;

pub(crate) fn of_pool(table: PoolTable) -> protocol::PoolTable {
    let column =
        |column: PoolColumn| protocol::Column { name: column.name.into(), type_name: column.type_name };
    protocol::PoolTable {
        schema: table.table.schema.into(),
        name: table.table.name.into(),
        is_view: match table.kind {
            PoolTableKind::Table => false,
            PoolTableKind::View => true,
        },
        columns: table.columns.into_iter().map(column).collect(),
        rows_at_most: table.rows_at_most,
    }
}

/// # Errors
/// `Invalid` for a name that is none.
pub(crate) fn to_pool(table: protocol::PoolTable) -> Result<PoolTable> {
    let column = |column: protocol::Column| {
        Ok(PoolColumn { name: Identifier::try_from(column.name)?, type_name: column.type_name })
    };
    Ok(PoolTable {
        table: WarehouseTable {
            schema: Identifier::try_from(table.schema)?,
            name: Identifier::try_from(table.name)?,
        },
        kind: if table.is_view { PoolTableKind::View } else { PoolTableKind::Table },
        columns: table.columns.into_iter().map(column).collect::<Result<_>>()?,
        rows_at_most: table.rows_at_most,
    })
}

pub(crate) fn of_source(table: SourceTable) -> protocol::SourceTable {
    let column =
        |column: SourceColumn| protocol::Column { name: column.name.into(), type_name: column.type_name };
    protocol::SourceTable {
        schema: table.table.schema.map(Into::into),
        name: table.table.name.into(),
        columns: table.columns.into_iter().map(column).collect(),
        key: table.key.into_iter().map(Into::into).collect(),
        rows: table.rows,
    }
}

/// # Errors
/// `Invalid` for a name that is none.
pub(crate) fn to_source(table: protocol::SourceTable) -> Result<SourceTable> {
    let column = |column: protocol::Column| {
        Ok(SourceColumn { name: Identifier::try_from(column.name)?, type_name: column.type_name })
    };
    Ok(SourceTable {
        table: SourceTableName {
            schema: table.schema.map(Identifier::try_from).transpose()?,
            name: Identifier::try_from(table.name)?,
        },
        columns: table.columns.into_iter().map(column).collect::<Result<_>>()?,
        key: table.key.into_iter().map(Identifier::try_from).collect::<Result<_>>()?,
        rows: table.rows,
    })
}
