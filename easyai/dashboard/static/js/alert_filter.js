// The filters of a list of alerts.
import { seconds } from "./format.js";

export const FILTERS = [
  "task_type", "task_id", "algorithm_id", "from", "to", "min_detections", "min_confidence", "reviewed",
];

// The filters of an address; the server refuses other names.
export function filterOf(query) {
  const given = FILTERS.filter((key) => query[key]);
  return Object.fromEntries(given.map((key) => [key, query[key]]));
}

// Whether an alert that arrives belongs to the list.
export function matches(item, filter) {
  const at = seconds(item.created_at);
  return (
    (!filter.task_type || item.task_type === filter.task_type) &&
    (!filter.task_id || item.task_id === filter.task_id) &&
    (!filter.algorithm_id || item.algorithm_id === filter.algorithm_id) &&
    (!filter.min_detections || item.detection_count >= +filter.min_detections) &&
    (!filter.min_confidence || item.confidence >= +filter.min_confidence) &&
    (!filter.from || at >= +filter.from) &&
    (!filter.to || at <= +filter.to) &&
    (filter.reviewed !== "yes" || item.reviewed) &&
    (filter.reviewed !== "no" || !item.reviewed)
  );
}
