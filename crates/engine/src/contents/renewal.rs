//! Makes contents of one pool those of another: new ids, and every reference to the new ones. What refers to
//! something that is not there is refused by its path.
//!
//! In a pool that has contents already, what has the same name takes the old one's id: the first job of a name that
//! of the first job of that name, and so on. So to take the same contents in again changes nothing.

mod jobs;
mod models;
mod schedules;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Display;
use std::hash::Hash;

use forebay_core::Timestamp;
use forebay_core::access::Subject;
use forebay_core::connection::DataConnection;
use forebay_core::contents::PoolContents;
use forebay_core::error::{Error, Result};
use forebay_core::id::{
    DataConnectionId, DataJobId, DataModelId, DataPoolId, ModelTableId, ParameterId, ScheduleId,
};
use forebay_core::name::Name;
use forebay_core::parameter::{Parameter, ParameterOrigin};

use super::Given;
use crate::parameters::check_placeholder;

/// The most connections, parameters, models, jobs, tasks and schedules of one pool that are taken in at once.
const THINGS_LIMIT: usize = 20_000;

/// What each old id has become.
#[derive(Default)]
pub(super) struct Ids {
    connections: HashMap<DataConnectionId, DataConnectionId>,
    parameters: HashMap<ParameterId, ParameterId>,
    models: HashMap<DataModelId, DataModelId>,
    /// With the model that each belongs to.
    tables: HashMap<ModelTableId, (DataModelId, ModelTableId)>,
    jobs: HashMap<DataJobId, DataJobId>,
    schedules: HashMap<ScheduleId, ScheduleId>,
}

impl Ids {
    /// For a copy within one pool: everything is there, under its own id.
    pub(super) fn unchanged(contents: &PoolContents) -> Self {
        let models = || contents.models.iter().map(|found| &found.model);
        Self {
            connections: contents.connections.iter().map(|found| (found.id, found.id)).collect(),
            parameters: contents.parameters.iter().map(|found| (found.id, found.id)).collect(),
            models: models().map(|model| (model.id, model.id)).collect(),
            tables: models()
                .flat_map(|model| model.tables.iter().map(|table| (table.id, (model.id, table.id))))
                .collect(),
            ..Self::default()
        }
    }

    /// For a copy to another pool: its parameters are known by their placeholders, and nothing else.
    pub(super) fn by_placeholder(from: &PoolContents, to: &PoolContents) -> Self {
        let mut parameters = HashMap::new();
        for old in &from.parameters {
            let same = to.parameters.iter().find(|new| new.placeholder == old.placeholder);
            parameters.extend(same.map(|new| (old.id, new.id)));
        }
        Self { parameters, ..Self::default() }
    }
}

/// Where contents come from, which says how to tell that something is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    File,
    Pool,
}

/// The work on one pool's contents.
pub(super) struct Renewal {
    /// What stands before the fields, for errors.
    path: String,
    origin: Origin,
    pool: DataPoolId,
    now: Timestamp,
    existing: PoolContents,
    ids: Ids,
}

impl Renewal {
    /// Of what was sent, for a pool that has this already.
    pub(super) fn import(path: &str, pool: DataPoolId, now: Timestamp, existing: PoolContents) -> Self {
        let ids = Ids::default();
        Self { path: path.to_owned(), origin: Origin::File, pool, now, existing, ids }
    }

    /// Of something of another pool, where these ids are known.
    pub(super) fn copy(pool: DataPoolId, now: Timestamp, ids: Ids) -> Self {
        let existing = PoolContents::default();
        Self { path: String::new(), origin: Origin::Pool, pool, now, existing, ids }
    }

    /// Contents as they are to be written, and what became of the models. `given` are connections of the pool that
    /// take the place of others.
    pub(super) fn contents(
        mut self,
        contents: PoolContents,
        given: &Given,
        by: Subject,
    ) -> Result<(PoolContents, Vec<(DataModelId, DataModelId)>)> {
        let PoolContents { connections, parameters, models, jobs, schedules } = contents;
        let things = connections.len() + parameters.len() + models.len() + jobs.len() + schedules.len();
        let things = things + jobs.iter().map(|found| found.tasks.len()).sum::<usize>();
        if things > THINGS_LIMIT {
            let reason = format!(
                "hold {things} connections, parameters, models, jobs, tasks and schedules, and {THINGS_LIMIT} are the most"
            );
            return Err(Error::invalid(format!("{}contents", self.path), reason));
        }
        let connections = self.connections(connections, given)?;
        let parameters = self.parameters("poolVariables", parameters)?;
        let models = self.models(models, by)?;
        let mut mappings: Vec<(DataModelId, DataModelId)> =
            self.ids.models.iter().map(|(old, new)| (*old, *new)).collect();
        mappings.sort_unstable();
        let jobs = self.jobs(jobs)?;
        let schedules = self.schedules(schedules, by)?;
        Ok((PoolContents { connections, parameters, models, jobs, schedules }, mappings))
    }

    fn field(&self, rest: impl Display) -> String {
        format!("{}{rest}", self.path)
    }

    /// A field of something: in a copy, which nobody wrote, the thing itself.
    fn within(&self, thing: &str, field: &str) -> String {
        match self.origin {
            Origin::File => format!("{thing}.{field}"),
            Origin::Pool => thing.to_owned(),
        }
    }

    /// That something is named that is not there.
    fn missing(&self, field: &str, what: &str) -> Error {
        match self.origin {
            Origin::File => Error::invalid(field, format!("names a {what} that is not in the export")),
            Origin::Pool => Error::conflict(format!(
                "{field} names a {what}, and the pool to copy to has no such one; copy within one data pool, or \
                 export and import the whole of it"
            )),
        }
    }

    fn connection(&self, field: &str, old: Option<DataConnectionId>) -> Result<Option<DataConnectionId>> {
        let Some(old) = old else { return Ok(None) };
        let new = self.ids.connections.get(&old).copied();
        new.map(Some).ok_or_else(|| self.missing(field, "data connection"))
    }

    /// Those that are to be made. One that is there already stays as it is: its credentials are its own.
    fn connections(
        &mut self,
        connections: Vec<DataConnection>,
        Given { field, connections: given }: &Given,
    ) -> Result<Vec<DataConnection>> {
        let ids: HashSet<_> = connections.iter().map(|connection| connection.id).collect();
        let there: HashMap<Name, DataConnectionId> =
            self.existing.connections.iter().map(|there| (there.name.clone(), there.id)).collect();
        for (old, new) in given {
            let field = format!("{field}.{old}");
            if !ids.contains(old) {
                return Err(self.missing(&field, "data connection"));
            }
            if !there.values().any(|there| there == new) {
                return Err(Error::invalid(field, format!("`{new}` is no data connection of the data pool")));
            }
        }
        let mut made = Vec::new();
        let mut names = HashSet::new();
        for (place, connection) in connections.into_iter().enumerate() {
            let field = self.field(format!("dataSources[{place}]"));
            if !names.insert(connection.name.clone()) {
                return Err(Error::invalid(format!("{field}.name"), "comes twice"));
            }
            let stays = given.get(&connection.id).or(there.get(&connection.name)).copied();
            let new = stays.unwrap_or_else(DataConnectionId::random);
            claim(&mut self.ids.connections, connection.id, new, &field)?;
            if stays.is_none() {
                made.push(DataConnection { id: new, pool_id: self.pool, created_at: self.now, ..connection });
            }
        }
        Ok(made)
    }

    /// Parameters of the pool.
    fn parameters(&mut self, list: &str, parameters: Vec<Parameter>) -> Result<Vec<Parameter>> {
        let there: HashMap<String, ParameterId> =
            self.existing.parameters.iter().map(|there| (there.placeholder.clone(), there.id)).collect();
        let mut made = Vec::new();
        let mut placeholders = HashSet::new();
        for (place, parameter) in parameters.into_iter().enumerate() {
            let field = self.field(format!("{list}[{place}]"));
            let id = there.get(&parameter.placeholder).copied().unwrap_or_else(ParameterId::random);
            claim(&mut self.ids.parameters, parameter.id, id, &field)?;
            if parameter.pool_parameter_id.is_some() {
                let reason = "only a parameter of a task can take its values from one of the pool";
                return Err(Error::invalid(format!("{field}.settings.poolVariableId"), reason));
            }
            let parameter = self.parameter(&field, parameter, &mut placeholders)?;
            made.push(Parameter { id, task_id: None, ..parameter });
        }
        Ok(made)
    }

    /// A parameter of the pool or of a task, checked and with new references, beside those before it.
    fn parameter(
        &self,
        field: &str,
        mut parameter: Parameter,
        before: &mut HashSet<String>,
    ) -> Result<Parameter> {
        check_placeholder(&parameter.placeholder).map_err(|error| error.within(field))?;
        if !before.insert(parameter.placeholder.clone()) {
            return Err(Error::invalid(format!("{field}.placeholder"), "comes twice"));
        }
        if let ParameterOrigin::Dynamic(dynamic) = &mut parameter.origin {
            let field = self.within(field, "dynamicDataSourceId");
            dynamic.connection_id = self.connection(&field, dynamic.connection_id)?;
        }
        if let Some(old) = parameter.pool_parameter_id {
            let field = self.within(field, "settings.poolVariableId");
            let new = self.ids.parameters.get(&old).copied();
            parameter.pool_parameter_id =
                Some(new.ok_or_else(|| self.missing(&field, "parameter of the pool"))?);
        }
        Ok(Parameter { pool_id: self.pool, ..parameter })
    }
}

/// Says what an old id has become.
fn claim<T: Eq + Hash, N>(ids: &mut HashMap<T, N>, old: T, new: N, field: &str) -> Result<()> {
    match ids.insert(old, new) {
        None => Ok(()),
        Some(_) => Err(Error::invalid(format!("{field}.id"), "comes twice")),
    }
}

/// What is there by its name. Of several with one name each is taken once, in order.
struct Namesakes<T>(HashMap<Name, VecDeque<T>>);

impl<T> Namesakes<T> {
    fn new(existing: impl Iterator<Item = (Name, T)>) -> Self {
        let mut names: HashMap<Name, VecDeque<T>> = HashMap::new();
        for (name, there) in existing {
            names.entry(name).or_default().push_back(there);
        }
        Self(names)
    }

    fn take(&mut self, name: &Name) -> Option<T> {
        self.0.get_mut(name)?.pop_front()
    }
}
