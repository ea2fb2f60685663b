//! The rows of the sample, and how they change.

use super::values::{DAY, Date, HOUR, Inserts, Maybe, Money, Random, Time};

const CUSTOMERS: u64 = 2_000;
const PRODUCTS: u64 = 500;
const ORDERS: u64 = 33_000;
/// 2025-01-01T00:00:00Z: the first order. Times are seconds since 1970.
const BEGIN: u64 = 1_735_689_600;
/// 180 days later: the moment at which the sample stands still. What would be later has not happened.
const NOW: u64 = BEGIN + 180 * DAY;

const COUNTRIES: [&str; 8] = ["DE", "US", "FR", "GB", "NL", "IT", "ES", "JP"];
const SEGMENTS: [&str; 3] = ["Enterprise", "Retail", "Public"];
const CATEGORIES: [&str; 5] = ["Pumps", "Valves", "Pipes", "Sensors", "Tools"];
const CARRIERS: [&str; 4] = ["Road", "Rail", "Air", "Sea"];

/// The highest ids in use.
pub(super) struct Last {
    pub(super) order: u64,
    pub(super) delivery: u64,
    pub(super) invoice: u64,
}

/// Approvals, deliveries, payments, and some changes of customers and prices.
pub(super) fn updates(now: u64) -> String {
    let at = Time(now);
    format!(
        "UPDATE orders SET approved_at = {at}, status = 'APPROVED', updated_at = {at} WHERE order_id IN \
           (SELECT order_id FROM orders WHERE status = 'CREATED' ORDER BY order_id LIMIT 150);
         UPDATE deliveries SET shipped_at = coalesce(shipped_at, {at}), delivered_at = {at}, updated_at = {at} \
           WHERE delivery_id IN \
           (SELECT delivery_id FROM deliveries WHERE delivered_at IS NULL ORDER BY delivery_id LIMIT 600);
         UPDATE invoices SET paid_at = {at}, updated_at = {at} WHERE invoice_id IN \
           (SELECT invoice_id FROM invoices WHERE paid_at IS NULL ORDER BY invoice_id LIMIT 600);
         UPDATE customers SET segment = 'Enterprise', updated_at = {at} WHERE customer_id % 20 = 7;
         UPDATE products SET list_price = round(list_price * 1.03, 2), updated_at = {at} WHERE product_id % 10 = 3;"
    )
}

/// 100 orders of 2 or 3 items, 90 deliveries and 60 invoices: 500 rows.
pub(super) fn new(now: u64, last: &Last) -> Vec<String> {
    let mut random = Random(now);
    let mut orders = Inserts::new("orders");
    let mut items = Inserts::new("order_items");
    let mut deliveries = Inserts::new("deliveries");
    let mut invoices = Inserts::new("invoices");
    for n in 1..=100 {
        let order = last.order + n;
        let (created, approved) = (now + n * 60, now + n * 60 + HOUR);
        let total = item_rows(&mut items, &mut random, order, 2 + n % 2, created);
        orders.row(format_args!(
            "{order},{},'APPROVED',{},{},{},{},NULL,{}",
            random.up_to(CUSTOMERS) + 1,
            Money(total),
            Date(created + 14 * DAY),
            Time(created),
            Time(approved),
            Time(approved),
        ));
        let at = approved + HOUR;
        if n <= 90 {
            let carrier = random.of(&CARRIERS);
            let delivery = last.delivery + n;
            deliveries.row(format_args!(
                "{delivery},{order},'{carrier}',{},NULL,NULL,{}",
                Time(at),
                Time(at)
            ));
        }
        if n <= 60 {
            let (invoice, due) = (last.invoice + n, Date(at + 30 * DAY));
            let (amount, at) = (Money(total), Time(at));
            invoices.row(format_args!("{invoice},{order},{amount},{at},{due},NULL,{at}"));
        }
    }
    [orders, items, deliveries, invoices].into_iter().flat_map(|inserts| inserts.statements).collect()
}

/// All rows of the sample as INSERT statements, parents first.
pub(super) fn all() -> Vec<String> {
    let mut random = Random(20_250_101);
    let mut customers = Inserts::new("customers");
    for id in 1..=CUSTOMERS {
        let (country, segment) = (random.of(&COUNTRIES), random.of(&SEGMENTS));
        let at = Time(BEGIN + random.up_to(170 * DAY));
        customers.row(format_args!("{id},'Customer {id:04}','{country}','{segment}',{at}"));
    }
    let mut products = Inserts::new("products");
    for id in 1..=PRODUCTS {
        let (category, price) = (random.of(&CATEGORIES), Money(500 + random.up_to(200_000)));
        let at = Time(BEGIN + random.up_to(170 * DAY));
        products.row(format_args!("{id},'{category} {id:03}','{category}',{price},{at}"));
    }
    let mut orders = Inserts::new("orders");
    let mut items = Inserts::new("order_items");
    let mut deliveries = Inserts::new("deliveries");
    let mut invoices = Inserts::new("invoices");
    let (mut delivery, mut invoice) = (0, 0);
    for order in 1..=ORDERS {
        // Evenly over the days, in the order of the ids.
        let created = BEGIN + order * (180 * DAY / ORDERS) + random.up_to(400);
        let count = 1 + random.up_to(5);
        let total = item_rows(&mut items, &mut random, order, count, created);
        let approved = past(created + HOUR + random.up_to(3 * DAY));
        let cancelled = match approved {
            Some(approved) if random.up_to(100) < 4 => past(approved + random.up_to(2 * DAY)),
            _ => None,
        };
        // One order in twelve is delivered in two parts.
        let parts = if random.up_to(12) == 0 { 2 } else { 1 };
        let mut done = 0;
        if let (Some(approved), None) = (approved, cancelled) {
            for _ in 0..parts {
                let Some(at) = past(approved + HOUR + random.up_to(4 * DAY)) else {
                    continue;
                };
                let shipped = past(at + HOUR + random.up_to(5 * DAY));
                let delivered = shipped.and_then(|shipped| past(shipped + DAY + random.up_to(9 * DAY)));
                let updated = Time(delivered.or(shipped).unwrap_or(at));
                done += u64::from(delivered.is_some());
                delivery += 1;
                let carrier = random.of(&CARRIERS);
                let (at, shipped, delivered) = (Time(at), Maybe(shipped), Maybe(delivered));
                deliveries
                    .row(format_args!("{delivery},{order},'{carrier}',{at},{shipped},{delivered},{updated}"));
            }
            if let Some(issued) = past(approved + DAY + random.up_to(10 * DAY)) {
                let paid = past(issued + 5 * DAY + random.up_to(40 * DAY));
                invoice += 1;
                let (amount, due) = (Money(total), Date(issued + 30 * DAY));
                let (at, updated, paid) = (Time(issued), Time(paid.unwrap_or(issued)), Maybe(paid));
                invoices.row(format_args!("{invoice},{order},{amount},{at},{due},{paid},{updated}"));
            }
        }
        let status = match (cancelled, approved) {
            (Some(_), _) => "CANCELLED",
            (None, Some(_)) if done == parts => "DELIVERED",
            (None, Some(_)) => "APPROVED",
            (None, None) => "CREATED",
        };
        let customer = random.up_to(CUSTOMERS) + 1;
        let (total, requested) = (Money(total), Date(created + (7 + random.up_to(21)) * DAY));
        let updated = Time(cancelled.or(approved).unwrap_or(created));
        let (created, approved, cancelled) = (Time(created), Maybe(approved), Maybe(cancelled));
        orders.row(format_args!(
            "{order},{customer},'{status}',{total},{requested},{created},{approved},{cancelled},{updated}"
        ));
    }
    [customers, products, orders, items, deliveries, invoices]
        .into_iter()
        .flat_map(|inserts| inserts.statements)
        .collect()
}

/// Adds the items of an order and gives their total in cents.
fn item_rows(items: &mut Inserts, random: &mut Random, order: u64, count: u64, at: u64) -> u64 {
    let mut total = 0;
    for number in 1..=count {
        let product = random.up_to(PRODUCTS) + 1;
        let quantity = 1 + random.up_to(12);
        let price = 500 + random.up_to(200_000);
        total += quantity * price;
        items.row(format_args!("{order},{number},{product},{quantity},{},{}", Money(price), Time(at)));
    }
    total
}

/// A time that has come; `None` for one that is still ahead.
fn past(at: u64) -> Option<u64> {
    (at < NOW).then_some(at)
}
