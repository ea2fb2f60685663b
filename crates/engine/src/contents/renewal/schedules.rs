//! Schedules. A new one is switched off: what is copied must not begin to run by itself.

use std::collections::{HashMap, HashSet};

use forebay_core::access::Subject;
use forebay_core::error::{Error, Result};
use forebay_core::id::ScheduleId;
use forebay_core::job::Activation;
use forebay_core::name::Name;
use forebay_core::schedule::{Schedule, Trigger};

use super::{Renewal, claim};
use crate::schedules::{check_settings, nothing_left};

impl Renewal {
    /// In an order in which each comes after the one that it follows.
    pub(super) fn schedules(&mut self, schedules: Vec<Schedule>, by: Subject) -> Result<Vec<Schedule>> {
        let there: HashMap<Name, Schedule> = self
            .existing
            .schedules
            .iter()
            .map(|there| (there.settings.name.clone(), there.clone()))
            .collect();
        let mut names = HashSet::new();
        for (place, schedule) in schedules.iter().enumerate() {
            let field = self.field(format!("schedules[{place}]"));
            if !names.insert(schedule.settings.name.clone()) {
                return Err(Error::invalid(format!("{field}.name"), "comes twice"));
            }
            let id = there.get(&schedule.settings.name).map_or_else(ScheduleId::random, |there| there.id);
            claim(&mut self.ids.schedules, schedule.id, id, &field)?;
        }
        // By what each follows.
        let mut followers: HashMap<Option<ScheduleId>, Vec<(usize, Schedule)>> = HashMap::new();
        for (place, schedule) in schedules.into_iter().enumerate() {
            let there = there.get(&schedule.settings.name);
            let schedule = self.schedule(place, schedule, there, by)?;
            let before = match schedule.settings.trigger {
                Trigger::Time(_) => None,
                Trigger::After(other) => Some(other),
            };
            followers.entry(before).or_default().push((place, schedule));
        }
        let mut ordered = Vec::new();
        let mut next = followers.remove(&None).unwrap_or_default();
        while let Some((_, schedule)) = next.pop() {
            next.extend(followers.remove(&Some(schedule.id)).unwrap_or_default());
            ordered.push(schedule);
        }
        match followers.into_values().flatten().map(|(place, _)| place).min() {
            None => Ok(ordered),
            Some(place) => {
                let field = self.field(format!("schedules[{place}].afterScheduleId"));
                Err(Error::invalid(field, "goes in a circle; let one of the schedules run by a pattern"))
            }
        }
    }

    fn schedule(
        &mut self,
        place: usize,
        schedule: Schedule,
        there: Option<&Schedule>,
        by: Subject,
    ) -> Result<Schedule> {
        let field = self.field(format!("schedules[{place}]"));
        let id = self.ids.schedules[&schedule.id];
        let mut settings = schedule.settings;
        for (place, job) in settings.jobs.iter_mut().enumerate() {
            let new = self.ids.jobs.get(job).copied();
            *job = new.ok_or_else(|| self.missing(&format!("{field}.jobs[{place}]"), "data job"))?;
        }
        if let Trigger::After(other) = &mut settings.trigger {
            let field = format!("{field}.afterScheduleId");
            *other = *self.ids.schedules.get(other).ok_or_else(|| self.missing(&field, "schedule"))?;
        }
        check_settings(&settings).map_err(|error| error.within(&field))?;
        settings.activation = there.map_or(Activation::Disabled, |there| there.settings.activation);
        let now = self.now;
        let mut schedule = Schedule {
            id,
            pool_id: self.pool,
            settings,
            saved_by: by,
            saved_at: now,
            created_at: self.now,
            next: None,
        };
        let fires = matches!(schedule.settings.trigger, Trigger::Time(_));
        if fires && schedule.settings.activation == Activation::Enabled {
            let next = schedule.firing_after(now).ok_or_else(|| nothing_left().within(&field))?;
            // What fires at the same times as before must not lose an occurrence that is due.
            let same = there.filter(|there| {
                (&there.settings.trigger, there.settings.jitter_seconds)
                    == (&schedule.settings.trigger, schedule.settings.jitter_seconds)
            });
            schedule.next = Some(same.and_then(|there| there.next).unwrap_or(next));
        }
        Ok(schedule)
    }
}
