//! Schedules, with the jobs they run in order and when they fire next.

use std::collections::HashMap;

use forebay_core::error::Kind;
use forebay_core::id::{DataJobId, DataPoolId, ScheduleId};
use forebay_core::schedule::{Firing, Schedule, ScheduleSettings, Trigger};
use forebay_core::{Error, Result, Timestamp};

use crate::Store;
use crate::db::{self, Connection, Query, Row};

impl Store {
    /// # Errors
    /// `Conflict` when the name is taken, or when the pool, a job or the schedule it follows is gone.
    pub async fn create_schedule(&self, schedule: &Schedule) -> Result<()> {
        self.transact(|transaction| insert(transaction, schedule)).await
    }

    /// Writes everything but who made it and when.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` as for [`Store::create_schedule`].
    pub async fn update_schedule(&self, schedule: &Schedule) -> Result<()> {
        self.transact(
            |transaction| {
                if update(transaction, schedule)? { Ok(()) } else { Err(not_found(schedule.id)) }
            },
        )
        .await
    }

    /// The schedules of a pool, by name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn schedules(&self, pool: DataPoolId) -> Result<Vec<Schedule>> {
        let transaction = self.snapshot()?;
        let rows = db::query("select * from schedules where pool_id = $1 order by name, id")
            .bind(pool.to_string())
            .fetch_all(&transaction)
            .map_err(db::error)?;
        read_all(&transaction, &rows)
    }

    /// # Errors
    /// `NotFound`.
    pub async fn schedule(&self, pool: DataPoolId, id: ScheduleId) -> Result<Schedule> {
        let transaction = self.snapshot()?;
        let rows = db::query("select * from schedules where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .fetch_all(&transaction)
            .map_err(db::error)?;
        read_all(&transaction, &rows)?.pop().ok_or_else(|| not_found(id))
    }

    /// Those of all pools that are due, the longest due first.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn due_schedules(&self, now: Timestamp) -> Result<Vec<Schedule>> {
        let transaction = self.snapshot()?;
        let rows = db::query("select * from schedules where next_due <= $1 order by next_due, id")
            .bind(now.as_millis())
            .fetch_all(&transaction)
            .map_err(db::error)?;
        read_all(&transaction, &rows)
    }

    /// When the next one of all pools is due.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn next_schedule_due(&self) -> Result<Option<Timestamp>> {
        let row = db::query("select min(next_due) as next_due from schedules where next_due is not null")
            .fetch_one(&*self.read()?)
            .map_err(db::error)?;
        db::optional_time(&row, "next_due")
    }

    /// Those of all pools that are enabled and have a timetable.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn timed_schedules(&self) -> Result<Vec<Schedule>> {
        let transaction = self.snapshot()?;
        let rows = db::query(
            "select * from schedules where activation = 'ENABLED' and timetable is not null order by id",
        )
        .fetch_all(&transaction)
        .map_err(db::error)?;
        read_all(&transaction, &rows)
    }

    /// The enabled schedules that follow another one, by name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn schedules_after(&self, pool: DataPoolId, id: ScheduleId) -> Result<Vec<Schedule>> {
        let transaction = self.snapshot()?;
        let rows = db::query(
            "select * from schedules
             where pool_id = $1 and after_schedule_id = $2 and activation = 'ENABLED' order by name, id",
        )
        .bind(pool.to_string())
        .bind(id.to_string())
        .fetch_all(&transaction)
        .map_err(db::error)?;
        read_all(&transaction, &rows)
    }

    /// A schedule that runs a job, if there is one.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn schedule_with_job(&self, pool: DataPoolId, job: DataJobId) -> Result<Option<String>> {
        let row = db::query(
            "select name from schedules
             where id in (select schedule_id from schedule_jobs where pool_id = $1 and job_id = $2)
             order by name limit 1",
        )
        .bind(pool.to_string())
        .bind(job.to_string())
        .fetch_optional(&*self.read()?)
        .map_err(db::error)?;
        row.as_ref().map(|row| db::get(row, "name")).transpose()
    }

    /// Sets when a schedule fires next, if nobody did in between. `false` when somebody did.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn replan_schedule(
        &self,
        id: ScheduleId,
        expected: Option<Firing>,
        next: Option<Firing>,
    ) -> Result<bool> {
        self.transact(|connection| set_next(connection, id, expected, next)).await
    }

    /// Deletes a schedule with its history.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while another schedule follows it.
    pub async fn delete_schedule(&self, pool: DataPoolId, id: ScheduleId) -> Result<()> {
        let done = db::query("delete from schedules where pool_id = $1 and id = $2")
            .bind(pool.to_string())
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
    }
}

pub(crate) fn not_found(id: ScheduleId) -> Error {
    Error::not_found(Kind::Schedule, id)
}

pub(crate) fn insert(transaction: &Connection, schedule: &Schedule) -> Result<()> {
    bound(
        "insert into schedules
            (id, pool_id, name, activation, timetable, after_schedule_id, mode, on_failure, overlap, misfire,
             jitter_seconds, saved_by_type, saved_by_id, saved_at, next_occurrence, next_due, priority,
             created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        schedule,
    )?
    .bind(schedule.created_at.as_millis())
    .execute(transaction)
    .map_err(|error| taken(error, schedule))?;
    insert_jobs(transaction, schedule)
}

/// Writes everything but when a schedule was made; `false` when there is none.
pub(crate) fn update(transaction: &Connection, schedule: &Schedule) -> Result<bool> {
    let done = bound(
        "update schedules
         set name = $3, activation = $4, timetable = $5, after_schedule_id = $6, mode = $7, on_failure = $8,
             overlap = $9, misfire = $10, jitter_seconds = $11, saved_by_type = $12, saved_by_id = $13,
             saved_at = $14, next_occurrence = $15, next_due = $16, priority = $17
         where id = $1 and pool_id = $2",
        schedule,
    )?
    .execute(transaction)
    .map_err(|error| taken(error, schedule))?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    db::query("delete from schedule_jobs where schedule_id = $1")
        .bind(schedule.id.to_string())
        .execute(transaction)
        .map_err(db::error)?;
    insert_jobs(transaction, schedule)?;
    Ok(true)
}

/// Moves on from the firing that is expected. `false` when the schedule was changed since it was read.
pub(crate) fn set_next(
    connection: &Connection,
    id: ScheduleId,
    expected: Option<Firing>,
    next: Option<Firing>,
) -> Result<bool> {
    let done = db::query(
        "update schedules set next_occurrence = $3, next_due = $4
         where id = $1 and next_due is $2 and activation = 'ENABLED' and timetable is not null",
    )
    .bind(id.to_string())
    .bind(expected.map(|firing| firing.due.as_millis()))
    .bind(next.map(|firing| firing.occurrence.as_millis()))
    .bind(next.map(|firing| firing.due.as_millis()))
    .execute(connection)
    .map_err(db::error)?;
    Ok(done.rows_affected() > 0)
}

fn taken(raw: db::Failure, schedule: &Schedule) -> Error {
    db::error_or_duplicate(raw, || {
        format!(
            "there already is a schedule `{}` in this data pool; choose another name",
            schedule.settings.name
        )
    })
}

/// A statement with what may change of a schedule, from its id as $1 to its priority as $17.
fn bound(sql: &'static str, schedule: &Schedule) -> Result<Query> {
    let Schedule { settings, saved_by, next, .. } = schedule;
    let (saved_by_type, saved_by_id) = db::subject_columns(*saved_by);
    Ok(db::query(sql)
        .bind(schedule.id.to_string())
        .bind(schedule.pool_id.to_string())
        .bind(settings.name.to_string())
        .bind(db::to_word(settings.activation)?)
        .bind(timetable(settings)?)
        .bind(after(settings))
        .bind(settings.mode.as_str())
        .bind(db::to_word(settings.on_failure)?)
        .bind(db::to_word(settings.overlap)?)
        .bind(db::to_word(settings.misfire)?)
        .bind(i64::from(settings.jitter_seconds))
        .bind(saved_by_type)
        .bind(saved_by_id)
        .bind(schedule.saved_at.as_millis())
        .bind(next.map(|next| next.occurrence.as_millis()))
        .bind(next.map(|next| next.due.as_millis()))
        .bind(settings.priority.as_str()))
}

fn timetable(settings: &ScheduleSettings) -> Result<Option<String>> {
    match &settings.trigger {
        Trigger::Time(timetable) => db::to_json(timetable).map(Some),
        Trigger::After(_) => Ok(None),
    }
}

fn after(settings: &ScheduleSettings) -> Option<String> {
    match &settings.trigger {
        Trigger::Time(_) => None,
        Trigger::After(other) => Some(other.to_string()),
    }
}

fn insert_jobs(connection: &Connection, schedule: &Schedule) -> Result<()> {
    for (position, job) in (0_i64..).zip(&schedule.settings.jobs) {
        db::query(
            "insert into schedule_jobs (schedule_id, position, pool_id, job_id) values ($1, $2, $3, $4)",
        )
        .bind(schedule.id.to_string())
        .bind(position)
        .bind(schedule.pool_id.to_string())
        .bind(job.to_string())
        .execute(connection)
        .map_err(db::error)?;
    }
    Ok(())
}

/// Schedules with their jobs, in the order of the rows.
pub(crate) fn read_all(connection: &Connection, rows: &[Row]) -> Result<Vec<Schedule>> {
    let ids: Vec<String> = rows.iter().map(|row| db::get(row, "id")).collect::<Result<_>>()?;
    let job_rows = db::query(
        "select schedule_id, job_id from schedule_jobs
         where schedule_id in (select value from json_each($1)) order by schedule_id, position",
    )
    .bind(db::to_json(&ids)?)
    .fetch_all(connection)
    .map_err(db::error)?;
    let mut jobs: HashMap<ScheduleId, Vec<DataJobId>> = HashMap::new();
    for row in &job_rows {
        jobs.entry(db::id(row, "schedule_id")?).or_default().push(db::id(row, "job_id")?);
    }
    rows.iter().map(|row| read(row, jobs.remove(&db::id(row, "id")?).unwrap_or_default())).collect()
}

fn read(row: &Row, jobs: Vec<DataJobId>) -> Result<Schedule> {
    let trigger = match db::optional_id(row, "after_schedule_id")? {
        Some(other) => Trigger::After(other),
        None => Trigger::Time(db::json(row, "timetable")?),
    };
    let next = match (db::optional_time(row, "next_occurrence")?, db::optional_time(row, "next_due")?) {
        (Some(occurrence), Some(due)) => Some(Firing { occurrence, due }),
        _ => None,
    };
    Ok(Schedule {
        id: db::id(row, "id")?,
        pool_id: db::id(row, "pool_id")?,
        settings: ScheduleSettings {
            name: db::name(row)?,
            activation: db::word(row, "activation")?,
            trigger,
            mode: db::word(row, "mode")?,
            priority: db::word(row, "priority")?,
            jobs,
            on_failure: db::word(row, "on_failure")?,
            overlap: db::word(row, "overlap")?,
            misfire: db::word(row, "misfire")?,
            jitter_seconds: u32::try_from(db::get::<i64>(row, "jitter_seconds")?).map_err(Error::internal)?,
        },
        saved_by: db::subject(row, "saved_by_type", "saved_by_id")?,
        saved_at: db::time(row, "saved_at")?,
        created_at: db::time(row, "created_at")?,
        next,
    })
}
