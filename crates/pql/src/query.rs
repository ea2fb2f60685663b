//! A query as it was written: what the parser makes and the compiler reads.

use crate::error::{Position, PqlError};

/// How deep expressions may be nested. What reads them does so recursively, here and in the engine.
pub(crate) const DEEPEST: usize = 100;

/// Filters, and the one table that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    pub(crate) filters: Vec<Expression>,
    pub(crate) table: TableStatement,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableStatement {
    pub(crate) distinct: bool,
    /// Never none.
    pub(crate) columns: Vec<NamedExpression>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<i64>,
    pub(crate) offset: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedExpression {
    pub(crate) name: String,
    pub(crate) expression: Expression,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) expression: Expression,
    pub(crate) descending: bool,
}

/// What has a value, or is true or false.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    pub(crate) position: Position,
    pub(crate) part: Part,
    /// 1 for what has no parts.
    depth: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Null,
    Integer(i64),
    Float(f64),
    Text(String),
    /// Milliseconds since 1970-01-01.
    Date(i64),
    Column {
        table: String,
        column: String,
    },
    /// A name or word alone: a unit, a table, or a column of the answer, where one of these is meant.
    Name(String),
    Negative(Box<Expression>),
    Calculation(Operator, Box<Expression>, Box<Expression>),
    Comparison(Comparison, Box<Expression>, Box<Expression>),
    /// At least two.
    All(Vec<Expression>),
    /// At least two.
    Any(Vec<Expression>),
    Not(Box<Expression>),
    IsNull {
        value: Box<Expression>,
        negated: bool,
    },
    In {
        value: Box<Expression>,
        list: Vec<Expression>,
        negated: bool,
    },
    Like {
        value: Box<Expression>,
        pattern: String,
        negated: bool,
    },
    Between {
        value: Box<Expression>,
        low: Box<Expression>,
        high: Box<Expression>,
        negated: bool,
    },
    Case {
        arms: Vec<(Expression, Expression)>,
        otherwise: Option<Box<Expression>>,
    },
    Call(Call),
}

/// A function with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// In capital letters.
    pub(crate) function: String,
    pub(crate) distinct: bool,
    pub(crate) arguments: Vec<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Concatenate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Expression {
    /// # Errors
    /// When it would be nested too deep.
    pub(crate) fn new(position: Position, part: Part) -> Result<Self, PqlError> {
        let deepest = part.children().into_iter().map(|child| child.depth).max().unwrap_or(0);
        if deepest >= DEEPEST {
            return Err(too_deep(position));
        }
        Ok(Self { position, part, depth: deepest + 1 })
    }
}

pub(crate) fn too_deep(position: Position) -> PqlError {
    let reason = format!(
        "the expression is nested more than {DEEPEST} deep; make it simpler, with IN or CASE for example"
    );
    PqlError::new(position, reason)
}

impl Part {
    fn children(&self) -> Vec<&Expression> {
        match self {
            Self::Null
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Date(_)
            | Self::Column { .. }
            | Self::Name(_) => Vec::new(),
            Self::Negative(child) | Self::Not(child) => vec![child],
            Self::Calculation(_, left, right) | Self::Comparison(_, left, right) => vec![left, right],
            Self::All(terms) | Self::Any(terms) => terms.iter().collect(),
            Self::IsNull { value, .. } | Self::Like { value, .. } => vec![value],
            Self::In { value, list, .. } => std::iter::once(&**value).chain(list).collect(),
            Self::Between { value, low, high, .. } => vec![value, low, high],
            Self::Case { arms, otherwise } => {
                let arms = arms.iter().flat_map(|(condition, value)| [condition, value]);
                arms.chain(otherwise.as_deref()).collect()
            }
            Self::Call(call) => call.arguments.iter().collect(),
        }
    }
}
