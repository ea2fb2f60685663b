//! Groups of users. What a group may do is in its grants, see `access`; both count for its members as long as they
//! are here.

use forebay_core::access::{Group, User};
use forebay_core::error::Kind;
use forebay_core::id::{GroupId, UserId};
use forebay_core::name::Name;
use forebay_core::{Error, Result};

use crate::db::{self, Connection, Failure, Row};
use crate::{Store, access};

impl Store {
    /// # Errors
    /// `Conflict` when the name is taken.
    pub async fn create_group(&self, group: &Group) -> Result<()> {
        db::query("insert into groups (id, name, created_at) values ($1, $2, $3)")
            .bind(group.id.to_string())
            .bind(group.name.as_str())
            .bind(group.created_at.as_millis())
            .execute_on(self.write())
            .await
            .map(drop)
            .map_err(|failure| taken(failure, &group.name))
    }

    /// All groups by name, each with the number of its members.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn groups(&self) -> Result<Vec<(Group, u64)>> {
        let rows = db::query(
            "select *, (select count(*) from group_members where group_id = groups.id) as members
             from groups order by name",
        )
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(|row| Ok((group(row)?, db::count(row, "members")?))).collect()
    }

    /// # Errors
    /// `NotFound`.
    pub async fn group(&self, id: GroupId) -> Result<Group> {
        let row = db::query("select * from groups where id = $1")
            .bind(id.to_string())
            .fetch_optional(&*self.read()?)
            .map_err(db::error)?;
        group(&row.ok_or_else(|| not_found(id))?)
    }

    /// # Errors
    /// `NotFound`; `Conflict` when the name is taken.
    pub async fn rename_group(&self, id: GroupId, name: &Name) -> Result<()> {
        let done = db::query("update groups set name = $2 where id = $1")
            .bind(id.to_string())
            .bind(name.as_str())
            .execute_on(self.write())
            .await
            .map_err(|failure| taken(failure, name))?;
        if done.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
    }

    /// Deletes a group with its grants; its members stay users.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_group(&self, id: GroupId) -> Result<()> {
        let done = db::query("delete from groups where id = $1")
            .bind(id.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(not_found(id)) } else { Ok(()) }
    }

    /// The members of a group, by name.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn group_members(&self, id: GroupId) -> Result<Vec<User>> {
        let rows = db::query(
            "select users.* from group_members join users on users.id = group_members.user_id
             where group_members.group_id = $1 order by users.name, users.id",
        )
        .bind(id.to_string())
        .fetch_all(&*self.read()?)
        .map_err(db::error)?;
        rows.iter().map(access::user).collect()
    }

    /// Who is in which group.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn memberships(&self) -> Result<Vec<(UserId, GroupId)>> {
        let rows = db::query("select user_id, group_id from group_members order by user_id, group_id")
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(|row| Ok((db::id(row, "user_id")?, db::id(row, "group_id")?))).collect()
    }

    /// The groups that a user is in.
    ///
    /// # Errors
    /// Only `Internal` and `Unavailable`.
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<GroupId>> {
        let rows = db::query("select group_id from group_members where user_id = $1 order by group_id")
            .bind(user.to_string())
            .fetch_all(&*self.read()?)
            .map_err(db::error)?;
        rows.iter().map(|row| db::id(row, "group_id")).collect()
    }

    /// Puts a user into a group; one who is in it already stays there.
    ///
    /// # Errors
    /// `NotFound` for the group or the user.
    pub async fn add_group_member(&self, group: GroupId, user: UserId) -> Result<()> {
        self.transact(move |transaction| {
            let insert =
                "insert into group_members (user_id, group_id) values ($1, $2) on conflict do nothing";
            let done = db::query(insert).bind(user.to_string()).bind(group.to_string()).execute(transaction);
            match done {
                Ok(_) => Ok(()),
                Err(failure) if db::is_foreign_key(&failure) => Err(match exists(transaction, group)? {
                    true => Error::not_found(Kind::User, user),
                    false => not_found(group),
                }),
                Err(failure) => Err(db::error(failure)),
            }
        })
        .await
    }

    /// # Errors
    /// `NotFound` for a user who is not in the group.
    pub async fn remove_group_member(&self, group: GroupId, user: UserId) -> Result<()> {
        let done = db::query("delete from group_members where user_id = $1 and group_id = $2")
            .bind(user.to_string())
            .bind(group.to_string())
            .execute_on(self.write())
            .await
            .map_err(db::error)?;
        if done.rows_affected() == 0 { Err(Error::not_found(Kind::User, user)) } else { Ok(()) }
    }
}

pub(crate) fn not_found(id: GroupId) -> Error {
    Error::not_found(Kind::Group, id)
}

fn taken(failure: Failure, name: &Name) -> Error {
    db::error_or_duplicate(failure, || format!("there already is a group named `{name}`"))
}

fn exists(connection: &Connection, id: GroupId) -> Result<bool> {
    let row = db::query("select 1 from groups where id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .map_err(db::error)?;
    Ok(row.is_some())
}

fn group(row: &Row) -> Result<Group> {
    Ok(Group { id: db::id(row, "id")?, name: db::name(row)?, created_at: db::time(row, "created_at")? })
}
