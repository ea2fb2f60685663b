//! Tasks of a job are dragged into order, by mouse and by touch.

use std::time::Duration;

use fantoccini::actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions};
use serde_json::json;

use super::driver::Browser;
use crate::pool::Job;

/// The names of the tasks that the page shows, in order.
const NAMES: &str = "[...document.querySelectorAll('.tasks > li')].map(task => task.dataset.name)";

enum Pointer {
    Mouse,
    Touch,
}

/// Drags tasks there and back. The job is that of a world: an extraction, a transformation, and a load.
pub(super) async fn tasks_are_dragged(browser: &Browser, job: &Job, transformation: &str) {
    let page = format!("/integration/ui/pools/{}/data-configuration/data-jobs?jobId={}", job.pool.id, job.id);
    browser.client.set_window_size(1280, 900).await.unwrap();
    browser.open_path(&page).await;
    browser.sees("Choose what to execute").await;
    let before = names(browser).await;
    let [first, second, third] = before.as_slice() else { panic!("{before:?}") };

    drag(browser, Pointer::Mouse, 0, 2).await;
    browser.sees(&format!("{first} is number 3 now.")).await;
    assert_eq!(names(browser).await, [second, third, first].map(String::as_str));
    // The buttons are those of the new order.
    browser.press(&format!("Move up: {first}")).await;
    browser.until(&format!("{NAMES}[1] === {}", json!(first))).await;
    browser.check("job-dragged").await;

    // The page is narrow now.
    browser.open_path(&page).await;
    assert_eq!(names(browser).await, [second, first, third].map(String::as_str), "it is kept");
    drag(browser, Pointer::Touch, 1, 0).await;
    browser.sees(&format!("{first} is number 1 now.")).await;
    browser.open_path(&page).await;
    assert_eq!(names(browser).await, before);

    // What cannot be moved is where it was.
    job.pool.client.delete(&job.path(&format!("/tasks/{transformation}"))).await.ok();
    drag(browser, Pointer::Touch, 1, 0).await;
    browser.sees(&format!("{second} was not moved.")).await;
    browser.sees("was not found").await;
    assert_eq!(names(browser).await, before);
    browser.check("job-not-moved").await;
}

async fn names(browser: &Browser) -> Vec<String> {
    serde_json::from_value(browser.run(&format!("return {NAMES}")).await).unwrap()
}

/// Drags the task in one place by its handle to another place.
async fn drag(browser: &Browser, pointer: Pointer, from: usize, to: usize) {
    let edge = if from < to { "bottom - 5" } else { "top + 5" };
    let places = format!(
        "document.querySelector('.tasks').scrollIntoView();
         const handle = document.querySelectorAll('.handle')[{from}].getBoundingClientRect();
         const other = document.querySelectorAll('.tasks > li')[{to}].getBoundingClientRect();
         return [handle.x + handle.width / 2, handle.y + handle.height / 2, other.{edge}]"
    );
    let places = browser.run(&places).await;
    let place = |number: usize| places[number].as_f64().map(f64::round).unwrap();
    let move_to = |y: f64, millis: u64| {
        let duration = Some(Duration::from_millis(millis));
        PointerAction::MoveTo { duration, x: place(0), y }
    };
    let actions = [
        move_to(place(1), 0),
        PointerAction::Down { button: MOUSE_BUTTON_LEFT },
        move_to(place(2), 100),
        PointerAction::Up { button: MOUSE_BUTTON_LEFT },
    ];
    let actions = actions.into_iter();
    let done = match pointer {
        Pointer::Mouse => {
            let mouse = actions.fold(MouseActions::new("mouse".to_owned()), MouseActions::then);
            browser.client.perform_actions(mouse).await
        }
        Pointer::Touch => {
            let finger = actions.fold(TouchActions::new("finger".to_owned()), TouchActions::then);
            browser.client.perform_actions(finger).await
        }
    };
    done.unwrap();
}
