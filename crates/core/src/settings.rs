//! What an administrator sets while the server runs: how much of the past is kept, how much an
//! execution may say, and how much of the disk stays free. The defaults keep a small disk healthy.
//!
//! What must be known before a server starts (folders, ports, limits of memory) is no setting here:
//! it is an option of `forebay serve`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::error::{Error, Result};

const MIB: u64 = 1024 * 1024;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// One thing that can be set. All of them are whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    ExecutionsKeptDays,
    ExecutionsKeptPerJob,
    LogsKeptDays,
    LogMessagesPerExecution,
    LogMessageBytes,
    ModelVersionsKept,
    DiskMinimumFreeMib,
    DiskAlarmFreeMib,
    AccessTokenSeconds,
    DataPushesPerSecond,
    DataPushesPerHour,
    DataPushesKeptDays,
    DataPushTextLength,
    ExportsKeptMinutes,
    ExportsAtATime,
    ExportMib,
    AuditKeptDays,
}

impl Setting {
    pub const ALL: [Self; 17] = [
        Self::ExecutionsKeptDays,
        Self::ExecutionsKeptPerJob,
        Self::LogsKeptDays,
        Self::LogMessagesPerExecution,
        Self::LogMessageBytes,
        Self::ModelVersionsKept,
        Self::DiskMinimumFreeMib,
        Self::DiskAlarmFreeMib,
        Self::AccessTokenSeconds,
        Self::DataPushesPerSecond,
        Self::DataPushesPerHour,
        Self::DataPushesKeptDays,
        Self::DataPushTextLength,
        Self::ExportsKeptMinutes,
        Self::ExportsAtATime,
        Self::ExportMib,
        Self::AuditKeptDays,
    ];

    /// The name on the wire and on the command line; the unit is in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExecutionsKeptDays => "executionsKeptDays",
            Self::ExecutionsKeptPerJob => "executionsKeptPerJob",
            Self::LogsKeptDays => "logsKeptDays",
            Self::LogMessagesPerExecution => "logMessagesPerExecution",
            Self::LogMessageBytes => "logMessageBytes",
            Self::ModelVersionsKept => "modelVersionsKept",
            Self::DiskMinimumFreeMib => "diskMinimumFreeMib",
            Self::DiskAlarmFreeMib => "diskAlarmFreeMib",
            Self::AccessTokenSeconds => "accessTokenSeconds",
            Self::DataPushesPerSecond => "dataPushesPerSecond",
            Self::DataPushesPerHour => "dataPushesPerHour",
            Self::DataPushesKeptDays => "dataPushesKeptDays",
            Self::DataPushTextLength => "dataPushTextLength",
            Self::ExportsKeptMinutes => "exportsKeptMinutes",
            Self::ExportsAtATime => "exportsAtATime",
            Self::ExportMib => "exportMib",
            Self::AuditKeptDays => "auditKeptDays",
        }
    }

    /// What it means, in a sentence for people.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ExecutionsKeptDays => {
                "Executions that ended longer ago are dropped, but for the newest and the last successful one \
                 of each job."
            }
            Self::ExecutionsKeptPerJob => {
                "The most executions that are kept of one job; the oldest are dropped first."
            }
            Self::LogsKeptDays => "Log messages of executions that ended longer ago are dropped.",
            Self::LogMessagesPerExecution => {
                "The most log messages of one execution; the last tenth is for errors. Further ones are counted \
                 and dropped."
            }
            Self::LogMessageBytes => "A longer log message is cut.",
            Self::ModelVersionsKept => {
                "How many published versions of a data model are kept, with the current one; older ones are \
                 removed by the next load."
            }
            Self::DiskMinimumFreeMib => {
                "With less free on the disk of the data folder, no execution begins. Without a value: 1 GiB or \
                 5 % of the disk, whichever is less."
            }
            Self::DiskAlarmFreeMib => {
                "With less free on the disk of the data folder, the log and the metrics warn. Without a value: \
                 4 GiB or 10 % of the disk, whichever is less."
            }
            Self::AccessTokenSeconds => {
                "How long an OAuth access token holds, where its client has no time of its own. Tokens that are \
                 there keep theirs."
            }
            Self::DataPushesPerSecond => {
                "The most data pushes that are executed in a second; 0: as many as come."
            }
            Self::DataPushesPerHour => {
                "The most data pushes that are executed in an hour of UTC; 0: as many as come."
            }
            Self::DataPushesKeptDays => {
                "Data pushes that were not executed, or that ended, longer ago are dropped with their files."
            }
            Self::DataPushTextLength => {
                "How many characters are kept of a pushed text when neither its column nor the push has a length."
            }
            Self::ExportsKeptMinutes => "The files of data exports that ended longer ago are removed.",
            Self::ExportsAtATime => "The most data exports that are written at a time; further ones wait.",
            Self::ExportMib => "The most that the files of one data export may have together.",
            Self::AuditKeptDays => "Entries of the audit log that are older are dropped.",
        }
    }

    /// The value when none is set; `None` where it depends on the size of the disk.
    #[must_use]
    pub const fn default(self) -> Option<u64> {
        match self {
            Self::ExecutionsKeptDays => Some(90),
            Self::ExecutionsKeptPerJob => Some(1_000),
            Self::LogsKeptDays => Some(30),
            Self::LogMessagesPerExecution => Some(5_000),
            Self::LogMessageBytes => Some(8 * 1024),
            Self::ModelVersionsKept => Some(2),
            Self::DiskMinimumFreeMib | Self::DiskAlarmFreeMib => None,
            Self::AccessTokenSeconds => Some(900),
            Self::DataPushesPerSecond | Self::DataPushesPerHour => Some(0),
            Self::DataPushesKeptDays => Some(7),
            Self::DataPushTextLength => Some(80),
            Self::ExportsKeptMinutes => Some(60),
            Self::ExportsAtATime => Some(2),
            Self::ExportMib => Some(4_096),
            Self::AuditKeptDays => Some(365),
        }
    }

    /// The values it can have.
    #[must_use]
    pub const fn bounds(self) -> RangeInclusive<u64> {
        match self {
            Self::ExecutionsKeptDays | Self::LogsKeptDays => 1..=36_500,
            Self::ExecutionsKeptPerJob => 1..=1_000_000,
            Self::LogMessagesPerExecution => 100..=1_000_000,
            Self::LogMessageBytes => 256..=1_048_576,
            Self::ModelVersionsKept => 1..=100,
            // The largest is a pebibyte.
            Self::DiskMinimumFreeMib | Self::DiskAlarmFreeMib => 1..=1_073_741_824,
            // A month: a client that never asks again must get through its work.
            Self::AccessTokenSeconds => 1..=2_592_000,
            Self::DataPushesPerSecond | Self::DataPushesPerHour => 0..=1_000_000,
            Self::DataPushesKeptDays | Self::AuditKeptDays => 1..=36_500,
            Self::DataPushTextLength => 1..=65_000,
            // The longest is a week.
            Self::ExportsKeptMinutes => 1..=10_080,
            Self::ExportsAtATime => 1..=64,
            Self::ExportMib => 1..=1_048_576,
        }
    }

    /// # Errors
    /// `Invalid` with the name and the names there are.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::invalid(name, format!("is no setting; there are {names}"))
        })
    }
}

/// The values that are set by hand; the others have their defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceSettings(BTreeMap<Setting, u64>);

impl ServiceSettings {
    /// The value of a setting; `None` where it depends on the size of the disk.
    #[must_use]
    pub fn value(&self, setting: Setting) -> Option<u64> {
        self.0.get(&setting).copied().or(setting.default())
    }

    /// Those that are set by hand.
    pub fn set_by_hand(&self) -> impl Iterator<Item = (Setting, u64)> {
        self.0.iter().map(|(setting, value)| (*setting, *value))
    }

    /// Sets a value, or with `None` goes back to the default.
    ///
    /// # Errors
    /// `Invalid` with the setting's name when the value is out of bounds.
    pub fn set(&mut self, setting: Setting, value: Option<u64>) -> Result<()> {
        let Some(value) = value else {
            self.0.remove(&setting);
            return Ok(());
        };
        let bounds = setting.bounds();
        if !bounds.contains(&value) {
            let (least, most) = (bounds.start(), bounds.end());
            return Err(Error::invalid(
                setting.name(),
                format!("must be from {least} to {most}, not {value}"),
            ));
        }
        self.0.insert(setting, value);
        Ok(())
    }

    fn number(&self, setting: Setting) -> u64 {
        // Those that have no value of their own are asked for with the disk's size.
        self.value(setting).unwrap_or_default()
    }

    /// In milliseconds.
    #[must_use]
    pub fn executions_kept_millis(&self) -> i64 {
        days(self.number(Setting::ExecutionsKeptDays))
    }

    #[must_use]
    pub fn executions_kept_per_job(&self) -> u64 {
        self.number(Setting::ExecutionsKeptPerJob)
    }

    #[must_use]
    pub fn logs_kept_days(&self) -> u64 {
        self.number(Setting::LogsKeptDays)
    }

    /// In milliseconds.
    #[must_use]
    pub fn logs_kept_millis(&self) -> i64 {
        days(self.logs_kept_days())
    }

    #[must_use]
    pub fn log_messages_per_execution(&self) -> u64 {
        self.number(Setting::LogMessagesPerExecution)
    }

    #[must_use]
    pub fn log_message_bytes(&self) -> usize {
        usize::try_from(self.number(Setting::LogMessageBytes)).unwrap_or(usize::MAX)
    }

    #[must_use]
    pub fn model_versions_kept(&self) -> u64 {
        self.number(Setting::ModelVersionsKept)
    }

    #[must_use]
    pub fn access_token_seconds(&self) -> u64 {
        self.number(Setting::AccessTokenSeconds)
    }

    /// `None`: as many as come.
    #[must_use]
    pub fn data_pushes_per_second(&self) -> Option<u64> {
        Some(self.number(Setting::DataPushesPerSecond)).filter(|most| *most > 0)
    }

    /// `None`: as many as come.
    #[must_use]
    pub fn data_pushes_per_hour(&self) -> Option<u64> {
        Some(self.number(Setting::DataPushesPerHour)).filter(|most| *most > 0)
    }

    /// In milliseconds.
    #[must_use]
    pub fn data_pushes_kept_millis(&self) -> i64 {
        days(self.number(Setting::DataPushesKeptDays))
    }

    /// In characters.
    #[must_use]
    pub fn data_push_text_length(&self) -> u32 {
        u32::try_from(self.number(Setting::DataPushTextLength)).unwrap_or(u32::MAX)
    }

    /// In milliseconds.
    #[must_use]
    pub fn exports_kept_millis(&self) -> i64 {
        i64::try_from(self.number(Setting::ExportsKeptMinutes)).unwrap_or(i64::MAX).saturating_mul(60_000)
    }

    #[must_use]
    pub fn exports_at_a_time(&self) -> usize {
        usize::try_from(self.number(Setting::ExportsAtATime)).unwrap_or(usize::MAX)
    }

    /// In bytes.
    #[must_use]
    pub fn export_bytes(&self) -> u64 {
        self.number(Setting::ExportMib).saturating_mul(MIB)
    }

    /// In milliseconds.
    #[must_use]
    pub fn audit_kept_millis(&self) -> i64 {
        days(self.number(Setting::AuditKeptDays))
    }

    /// In bytes, for a disk of `total` bytes.
    #[must_use]
    pub fn disk_minimum_free(&self, total: u64) -> u64 {
        match self.value(Setting::DiskMinimumFreeMib) {
            Some(mib) => mib.saturating_mul(MIB),
            None => (1024 * MIB).min(total / 20),
        }
    }

    /// In bytes, for a disk of `total` bytes; never below the minimum.
    #[must_use]
    pub fn disk_alarm_free(&self, total: u64) -> u64 {
        let alarm = match self.value(Setting::DiskAlarmFreeMib) {
            Some(mib) => mib.saturating_mul(MIB),
            None => (4096 * MIB).min(total / 10),
        };
        alarm.max(self.disk_minimum_free(total))
    }
}

fn days(days: u64) -> i64 {
    i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_defaults_are_within_bounds() {
        for setting in Setting::ALL {
            assert_eq!(Setting::parse(setting.name()).unwrap(), setting);
            if let Some(value) = setting.default() {
                assert!(setting.bounds().contains(&value), "{}", setting.name());
                assert_eq!(ServiceSettings::default().value(setting), Some(value));
            }
        }
        let error = Setting::parse("logsKeptWeeks").unwrap_err().to_string();
        assert!(error.starts_with("logsKeptWeeks: is no setting; there are "), "{error}");
        assert!(error.contains("logsKeptDays"), "{error}");
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_by_name_and_changes_nothing() {
        let mut settings = ServiceSettings::default();
        settings.set(Setting::LogsKeptDays, Some(7)).unwrap();
        let error = settings.set(Setting::LogsKeptDays, Some(0)).unwrap_err().to_string();
        assert_eq!(error, "logsKeptDays: must be from 1 to 36500, not 0");
        assert_eq!(settings.logs_kept_days(), 7);
        settings.set(Setting::LogsKeptDays, None).unwrap();
        assert_eq!(settings.logs_kept_days(), 30);
    }

    #[test]
    fn a_small_disk_needs_less_and_the_alarm_is_never_below_the_minimum() {
        let settings = ServiceSettings::default();
        assert_eq!(settings.disk_minimum_free(10 * 1024 * MIB), 512 * MIB);
        assert_eq!(settings.disk_minimum_free(1_000_000 * MIB), 1024 * MIB);
        assert_eq!(settings.disk_alarm_free(10 * 1024 * MIB), 1024 * MIB);
        let mut settings = ServiceSettings::default();
        settings.set(Setting::DiskMinimumFreeMib, Some(9_000)).unwrap();
        assert_eq!(settings.disk_minimum_free(MIB), 9_000 * MIB);
        assert_eq!(settings.disk_alarm_free(1_000_000 * MIB), 9_000 * MIB);
    }
}
