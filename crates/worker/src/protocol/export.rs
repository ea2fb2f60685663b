//! Data exports on the wire.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use forebay_core::Result;
use forebay_core::error::Error;
use forebay_core::export::{self, ExportFormat};

use crate::protocol;

pub(crate) fn of_request(request: export::ExportRequest) -> protocol::ExportRequest {
    let files = request.files.map(|files| protocol::ExportFiles {
        format: match files.format {
            ExportFormat::Parquet => protocol::ExportFormat::Parquet,
            ExportFormat::Excel => protocol::ExportFormat::Excel,
            ExportFormat::Csv => protocol::ExportFormat::Csv,
        }
        .into(),
        most_bytes: files.most_bytes,
    });
    protocol::ExportRequest {
        export: request.id.to_string(),
        model: request.model.to_string(),
        queries: request.queries,
        files,
    }
}

/// # Errors
/// For ids that are none, and a format that this version does not know.
pub(crate) fn to_request(request: protocol::ExportRequest) -> Result<export::ExportRequest> {
    let files = request.files.map(|files| {
        let format = match files.format() {
            protocol::ExportFormat::Parquet => ExportFormat::Parquet,
            protocol::ExportFormat::Excel => ExportFormat::Excel,
            protocol::ExportFormat::Csv => ExportFormat::Csv,
            protocol::ExportFormat::Unspecified => return Err(Error::invalid("format", "is unknown")),
        };
        Ok(export::ExportFiles { format, most_bytes: files.most_bytes })
    });
    Ok(export::ExportRequest {
        id: request.export.parse()?,
        model: request.model.parse()?,
        queries: request.queries,
        files: files.transpose()?,
    })
}

pub(crate) fn of_exported(exported: export::Exported) -> protocol::Exported {
    let chunk = |chunk: export::ExportChunk| protocol::ExportChunk { rows: chunk.rows, bytes: chunk.bytes };
    protocol::Exported {
        folder: exported.folder.into_os_string().into_vec(),
        chunks: exported.chunks.into_iter().map(chunk).collect(),
    }
}

pub(crate) fn to_exported(exported: protocol::Exported) -> export::Exported {
    let chunk = |chunk: protocol::ExportChunk| export::ExportChunk { rows: chunk.rows, bytes: chunk.bytes };
    export::Exported {
        folder: PathBuf::from(OsString::from_vec(exported.folder)),
        chunks: exported.chunks.into_iter().map(chunk).collect(),
    }
}
