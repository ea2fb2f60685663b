//! Typed ids. An id of one kind cannot be passed where another is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::error::{Error, Kind};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident is $kind:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, random (UUID version 4).
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Reads the hyphenated form, and no other. Whatever is not a UUID names nothing, so the
            /// error is `NotFound`: clients write `None` into a path when they lost an id.
            fn from_str(text: &str) -> Result<Self, Error> {
                match Uuid::try_parse(text) {
                    Ok(id) if text.len() == Hyphenated::LENGTH => Ok(Self(id)),
                    _ => Err(Error::NotFound { kind: Kind::$kind, key: text.to_owned() }),
                }
            }
        }
    )*};
}

ids! {
    /// A data pool.
    DataPoolId is DataPool;
    /// A data connection (`dataSourceId` on the wire).
    DataConnectionId is DataConnection;
    /// A data job.
    DataJobId is DataJob;
    /// A task in a job: the *instance* id of the wire contract, used in every path.
    TaskId is Task;
    /// What a task is an instance of: `taskId` on the wire.
    TaskTemplateId is Task;
    /// One table of an extraction.
    TableExtractionId is TableExtraction;
    /// A pool or task parameter ("variable" on the wire).
    ParameterId is Parameter;
    /// One run of a data job.
    ExecutionId is Execution;
    /// A log message.
    LogMessageId is LogMessage;
    /// A data model.
    DataModelId is DataModel;
    /// A table of a data model.
    ModelTableId is ModelTable;
    /// A schedule (`schedulingId` on the wire).
    ScheduleId is Schedule;
    /// One firing of a schedule, and the run of its jobs that it led to.
    ScheduleRunId is ScheduleRun;
    /// A person who signs in or holds API keys.
    UserId is User;
    /// A program with a key and permissions of its own.
    ApplicationId is Application;
    /// Users who are granted permissions together.
    GroupId is Group;
    /// A key of a user or an application.
    KeyId is Key;
    /// A secret of an OAuth client.
    OauthSecretId is OauthSecret;
    /// What a user has allowed an OAuth client: what its tokens for this user descend from.
    ConsentId is OauthConsent;
    /// An access token.
    AccessTokenId is AccessToken;
    /// A key that signs access tokens.
    SigningKeyId is SigningKey;
    /// A data push: files that are sent to a table.
    PushJobId is PushJob;
    /// A file of a data push.
    PushChunkId is PushJob;
    /// A relation between two tables of a data model.
    ForeignKeyId is ForeignKey;
    /// What a data model's activity table means.
    ProcessConfigurationId is ProcessConfiguration;
    /// The answer of a query on a data model, kept to be fetched.
    DataExportId is DataExport;
}

/// The job of a data model's reloads has the model's id.
impl From<DataModelId> for DataJobId {
    fn from(model: DataModelId) -> Self {
        Self(model.0)
    }
}

/// The job that executes a data push has the push's id.
impl From<PushJobId> for DataJobId {
    fn from(push: PushJobId) -> Self {
        Self(push.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form() {
        let id = "6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11";
        assert_eq!(id.parse::<DataPoolId>().unwrap().to_string(), id);
        assert_eq!(id.to_uppercase().parse::<DataPoolId>().unwrap().to_string(), id);
        for other in [
            "6f2c1a526d534f0e9a390f6f0c8d3b11",
            "{6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11}",
            "urn:uuid:6f2c1a52-6d53-4f0e-9a39-0f6f0c8d3b11",
            "None",
            "",
        ] {
            let refused = other.parse::<DataPoolId>().unwrap_err().to_string();
            assert_eq!(refused, format!("data pool `{other}` was not found"));
        }
    }
}
