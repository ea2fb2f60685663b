//! Data models, with their tables, relations and processes.

use std::collections::HashMap;

use forebay_core::access::Subject;
use forebay_core::contents::ModelContents;
use forebay_core::error::Result;
use forebay_core::id::{DataModelId, ForeignKeyId, ModelTableId, ProcessConfigurationId};
use forebay_core::model::DataModel;
use forebay_core::name::Identifier;

use super::{Namesakes, Renewal, claim};
use crate::models::whole;

impl Renewal {
    pub(super) fn models(&mut self, models: Vec<ModelContents>, by: Subject) -> Result<Vec<ModelContents>> {
        let mut made = Vec::new();
        let there = self.existing.models.iter().map(|there| (there.model.name.clone(), there.model.clone()));
        let mut there = Namesakes::new(there);
        for (place, contents) in models.into_iter().enumerate() {
            let field = self.field(format!("dataModels[{place}]"));
            let ModelContents { model, name_mappings } = contents;
            let there = there.take(&model.name);
            let id = there.as_ref().map_or_else(DataModelId::random, |there| there.id);
            claim(&mut self.ids.models, model.id, id, &field)?;
            let model = DataModel {
                id,
                pool_id: self.pool,
                created_at: self.now,
                created_by: Some(by),
                changed_at: self.now,
                ..self.model(&field, model, id, there.as_ref())?
            };
            whole::check(&model).map_err(|error| error.within(&field))?;
            made.push(ModelContents { model, name_mappings });
        }
        Ok(made)
    }

    fn model(
        &mut self,
        field: &str,
        mut model: DataModel,
        id: DataModelId,
        there: Option<&DataModel>,
    ) -> Result<DataModel> {
        let there: HashMap<&Identifier, ModelTableId> = there
            .iter()
            .flat_map(|there| &there.tables)
            .map(|table| (table.alias_or_name(), table.id))
            .collect();
        for (place, table) in model.tables.iter_mut().enumerate() {
            let field = format!("{field}.tables[{place}]");
            table.connection_id = self.connection(&format!("{field}.dataSourceId"), table.connection_id)?;
            let new = there.get(table.alias_or_name()).copied().unwrap_or_else(ModelTableId::random);
            claim(&mut self.ids.tables, table.id, (id, new), &field)?;
            table.id = new;
        }
        if let Some(factory) = &mut model.calendar.factory {
            let field = format!("{field}.factoryCalendar.dataSourceId");
            factory.connection_id = self.connection(&field, factory.connection_id)?;
        }
        for (place, key) in model.foreign_keys.iter_mut().enumerate() {
            let field = format!("{field}.foreignKeys[{place}]");
            key.id = ForeignKeyId::random();
            key.source = self.table(&format!("{field}.sourceTableId"), id, key.source)?;
            key.target = self.table(&format!("{field}.targetTableId"), id, key.target)?;
        }
        for (place, process) in model.processes.iter_mut().enumerate() {
            let field = format!("{field}.processConfigurations[{place}]");
            process.id = ProcessConfigurationId::random();
            process.activity_table =
                self.table(&format!("{field}.activityTableId"), id, process.activity_table)?;
            if let Some(table) = process.case_table {
                process.case_table = Some(self.table(&format!("{field}.caseTableId"), id, table)?);
            }
        }
        Ok(model)
    }

    fn table(&self, field: &str, model: DataModelId, old: ModelTableId) -> Result<ModelTableId> {
        match self.ids.tables.get(&old) {
            Some((of, table)) if *of == model => Ok(*table),
            Some(_) | None => Err(self.missing(field, "table of the data model")),
        }
    }
}
