//! The words of the wire: every enum of the contract that Forebay answers or reads, with its values'
//! exact names.

use forebay_core::error::{Error, Result};
use forebay_core::model::{calendar, load, name_mapping};
use forebay_core::{
    access, check, connection, execution, export, oauth, parameter, push, queue, schedule, warehouse,
};
use serde::de::DeserializeOwned;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Reads one word, as from a query. The error lists the words there are.
pub(crate) fn parse<T: DeserializeOwned>(field: &str, text: &str) -> Result<T> {
    let word = T::deserialize(StrDeserializer::<WordError>::new(text));
    word.map_err(|error| Error::invalid(field, error.to_string()))
}

/// An enum of the wire that says the same as one of the domain. Both directions match every
/// variant, so a new one shows up here.
macro_rules! words {
    ($(
        $(#[$meta:meta])*
        $name:ident is $module:ident::$domain:ident { $($(#[$word:meta])* $variant:ident)* }
    )*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        $(#[$meta])*
        pub enum $name {
            $($(#[$word])* $variant,)*
        }

        impl From<$module::$domain> for $name {
            fn from(word: $module::$domain) -> Self {
                match word {
                    $($module::$domain::$variant => Self::$variant,)*
                }
            }
        }

        impl From<$name> for $module::$domain {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => Self::$variant,)*
                }
            }
        }
    )*};
}

words! {
    /// Where an execution, a task or a step stands.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    ExecutionStatus is execution::Status { Queued Running Success Fail Cancel Skipped }

    /// How a step of a connection's test went.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    CheckState is check::StepState { Ok Failed NotReached }

    /// How much an execution matters beside the others that wait in its pool.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    ExecutionPriority is execution::Priority { Low Normal High }

    /// What a queued execution waits for.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    WaitingReason is queue::WaitReason {
        ServerLimit PoolLimit SourceLimit Backoff RunsAlone Lane Disk Turn
    }

    /// What an extraction reads: everything again, or what is new since the checkpoint.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    ExtractionMode is execution::ExtractionMode { Full Delta }

    /// How much a log message matters.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    LogLevel is execution::LogLevel { Debug Info Warning Error }

    /// How a dynamic parameter makes its values of a column.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DynamicVariableOpType is parameter::DynamicOperation { FindMax FindMin List }

    /// What the files of a data export are.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    ExportType is export::ExportFormat { Parquet Excel Csv }

    /// The type of a parameter's values.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    FilterParserDataType is parameter::ParameterType {
        Date Double Int String Column QualifiedColumn ListDouble ListInt ListString Null
    }

    /// How pseudonymised columns are hashed.
    AnonymizationAlgorithm is connection::HashAlgorithm {
        #[serde(rename = "SHA_1")] Sha1
        #[serde(rename = "SHA_256")] Sha256
        #[serde(rename = "SHA_256_NO_SALT")] Sha256NoSalt
        #[serde(rename = "SHA_512")] Sha512
        #[serde(rename = "SHA_512_NO_SALT")] Sha512NoSalt
    }

    /// Whether a PostgreSQL connection is encrypted, as libpq's `sslmode`.
    #[serde(rename_all = "kebab-case")]
    SslMode is connection::SslMode { Disable Require VerifyFull }

    /// Where a data push stands.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DataPushStatus is push::PushStatus { New Queued Running Done Error }

    /// Whether pushed rows take the place of a table's rows, or are added to them.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DataPushType is push::PushKind { Replace Delta }

    /// What rows that are updated have in columns that the files lack: their old values, or NULL.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DataPushUpsertStrategy is push::UpsertStrategy { UpsertWithUnchangedMetadata UpsertWithNullification }

    /// Whether the rows of a file come, or their keys go.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DataPushChunkType is push::ChunkKind { Upsert Delete }

    /// The type of a pushed column.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    ColumnType is push::ColumnKind { Integer Date Time Datetime Float Boolean String }

    /// Whether a connection has its password.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    CredentialsState is connection::Credentials { Given Missing }

    /// What a grant allows.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    PermissionName is access::Permission {
        UseAllDataModels View Edit Manage DataPush ContinuousDataPush Execute Metrics
    }

    /// What an access token is good for.
    OauthScopeName is oauth::OauthScope {
        #[serde(rename = "integration.data-pools")] DataPools
        #[serde(rename = "integration.data-pools:read")] DataPoolsRead
        #[serde(rename = "integration.data-pools:execute")] DataPoolsExecute
        #[serde(rename = "integration.data-pools:query")] DataPoolsQuery
        #[serde(rename = "integration.data-pools:data_push")] DataPoolsDataPush
        #[serde(rename = "integration.data-pools:continuous_data_push")] DataPoolsContinuousDataPush
        #[serde(rename = "integration.data-models:read")] DataModelsRead
        #[serde(rename = "authorization.permissions:read")] PermissionsRead
        #[serde(rename = "studio")] Studio
        #[serde(rename = "package-manager")] PackageManager
        #[serde(rename = "action-engine.projects")] ActionEngineProjects
    }

    /// Whether a user administers the team.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    RoleName is access::Role { Admin Member }

    /// Whether something in a pool is a table or a view.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    PropertyType is warehouse::PoolTableKind { Table View }

    /// What becomes of the jobs of a schedule after one that did not succeed.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    OnFailurePolicy is schedule::OnFailure { Stop Continue }

    /// What happens when a schedule fires while its last run is on, or when one of its jobs runs already:
    /// the new one is left out, waits, or takes the place of the old one.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    OverlapPolicy is schedule::Overlap { Skip Queue Replace }

    /// Which occurrences of a schedule are caught up that nobody looked at in time.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    MisfirePolicy is schedule::Misfire { None Latest All }

    /// What became of a firing of a schedule.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    FiringOutcome is schedule::FiringOutcome { Fired CaughtUp Skipped Missed }

    /// What an interval is counted in.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    IntervalUnit is schedule::Unit { Minutes Hours }

    /// Where a load of a data model stands.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DataModelLoadStatus is load::LoadStatus {
        Running #[serde(rename = "CANCELLING")] Canceling Success Warning Error Canceled
    }

    /// What of a data model was to be loaded.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DataLoadType is load::LoadKind { FromCache Complete Partial }

    /// Which calendar of a data model counts.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DataModelCalendarType is calendar::CalendarKind { None Custom Factory }

    /// A day of a custom calendar.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    CalendarDay is calendar::CalendarDay { Monday Tuesday Wednesday Thursday Friday Saturday Sunday }

    /// What is given a name.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    NameMappingType is name_mapping::MappingKind { Table Column General }

    /// A day of the week.
    #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
    DayName is schedule::Day { Mon Tue Wed Thu Fri Sat Sun }
}

/// The level of an entry in the history of executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionType {
    Schedule,
    Job,
    Task,
    Step,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskType {
    Extraction,
    Transformation,
    DataModelLoad,
}

/// Who may see a parameter, or that its values come from the pool's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VariableType {
    PrivateConstant,
    PublicConstant,
    Dynamic,
}

/// What pushed files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UploadFileType {
    Parquet,
    Csv,
}

/// The types that clients tell apart in the columns of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PoolColumnType {
    String,
    Date,
    Float,
    Integer,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_have_the_names_of_the_contract() {
        assert_eq!(json!(ExecutionStatus::Cancel), json!("CANCEL"));
        assert_eq!(json!(FilterParserDataType::ListDouble), json!("LIST_DOUBLE"));
        assert_eq!(json!(AnonymizationAlgorithm::Sha256NoSalt), json!("SHA_256_NO_SALT"));
        assert_eq!(json!(SslMode::VerifyFull), json!("verify-full"));
        assert_eq!(json!(TaskType::DataModelLoad), json!("DATA_MODEL_LOAD"));
        for permission in access::Permission::ALL {
            assert_eq!(json!(PermissionName::from(permission)), json!(permission.as_str()));
        }
        for scope in oauth::OauthScope::ALL {
            assert_eq!(json!(OauthScopeName::from(scope)), json!(scope.as_str()));
        }
        assert_eq!(json!(DataModelLoadStatus::Canceling), json!("CANCELLING"));
        assert_eq!(json!(DataModelLoadStatus::Canceled), json!("CANCELED"));
        assert_eq!(json!(DataLoadType::FromCache), json!("FROM_CACHE"));
        assert_eq!(
            json!(DataPushUpsertStrategy::UpsertWithUnchangedMetadata),
            json!("UPSERT_WITH_UNCHANGED_METADATA")
        );
        assert_eq!(json!(ColumnType::Datetime), json!("DATETIME"));
        for status in execution::Status::ALL {
            assert_eq!(json!(ExecutionStatus::from(status)), json!(status.as_str()));
        }
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        assert_eq!(parse::<ExtractionMode>("mode", "FULL").unwrap(), ExtractionMode::Full);
        let message = parse::<ExtractionMode>("mode", "full").unwrap_err().to_string();
        assert_eq!(message, "mode: unknown variant `full`, expected `FULL` or `DELTA`");
    }
}
