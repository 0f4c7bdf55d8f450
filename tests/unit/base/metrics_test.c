#include "../unit.h"

#include "../../kit/failing_allocator.h"
#include "base/metrics.h"
#include "base/thread.h"

static void renders_the_text_format(void **state) {
  sj__metrics *metrics = sj__metrics_new();
  sj__metric *ok =
      sj__metrics_add(metrics, SJ__COUNTER, "sojourn_checks_total", "Checks.", "outcome=\"ok\"");
  sj__metrics_add(metrics, SJ__COUNTER, "sojourn_checks_total", "Checks.", "outcome=\"ended\"");
  sj__metric *open = sj__metrics_add(metrics, SJ__GAUGE, "sojourn_open", "Open.", NULL);
  sj__metric_add(ok, 3);
  sj__metric_add(ok, 4);
  sj__metric_set(open, -5);
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__metrics_render(metrics, &out);
  assert_slice_text(sj__buffer_slice(&out),
                    "# HELP sojourn_checks_total Checks.\n"
                    "# TYPE sojourn_checks_total counter\n"
                    "sojourn_checks_total{outcome=\"ok\"} 7\n"
                    "sojourn_checks_total{outcome=\"ended\"} 0\n"
                    "# HELP sojourn_open Open.\n"
                    "# TYPE sojourn_open gauge\n"
                    "sojourn_open -5\n");
  sj__buffer_release(&out);
  sj__metrics_free(metrics);
}

static void assert_contains(const sj__buffer *out, const char *text) {
  if (memmem(out->data, out->size, text, strlen(text)) == NULL) {
    fail_msg("'%s' is not in:\n%.*s", text, (int)out->size, out->data);
  }
}

static void histograms_count_by_upper_bound(void **state) {
  sj__metrics *metrics = sj__metrics_new();
  sj__metric *wait =
      sj__metrics_add(metrics, SJ__HISTOGRAM, "sojourn_wait_seconds", "Wait.", "op=\"get\"");
  sj__metric_observe_ns(wait, 0);
  sj__metric_observe_ns(wait, 25000);
  sj__metric_observe_ns(wait, 25001);
  sj__metric_observe_ns(wait, 2000000000);
  sj__metric_observe_ns(wait, 10000000001);
  assert_int_equal(sj__metric_value(wait), 5);
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__metrics_render(metrics, &out);
  assert_contains(&out, "# TYPE sojourn_wait_seconds histogram\n");
  assert_contains(&out, "sojourn_wait_seconds_bucket{op=\"get\",le=\"2.5e-05\"} 2\n");
  assert_contains(&out, "sojourn_wait_seconds_bucket{op=\"get\",le=\"5e-05\"} 3\n");
  assert_contains(&out, "sojourn_wait_seconds_bucket{op=\"get\",le=\"1\"} 3\n");
  assert_contains(&out, "sojourn_wait_seconds_bucket{op=\"get\",le=\"2.5\"} 4\n");
  assert_contains(&out, "sojourn_wait_seconds_bucket{op=\"get\",le=\"10\"} 4\n");
  assert_contains(&out, "sojourn_wait_seconds_bucket{op=\"get\",le=\"+Inf\"} 5\n");
  assert_contains(&out, "sojourn_wait_seconds_sum{op=\"get\"} 12.000050002\n");
  assert_contains(&out, "sojourn_wait_seconds_count{op=\"get\"} 5\n");
  sj__buffer_release(&out);
  sj__metrics_free(metrics);
}

static void nothing_is_counted_into_nothing(void **state) {
  sj__metric_add(NULL, 1);
  sj__metric_set(NULL, 1);
  sj__metric_observe_ns(NULL, 1);
  assert_int_equal(sj__metric_value(NULL), 0);
  sj__metrics_free(NULL);
}

static void short_memory_is_told(void **state) {
  for (long i = 0; i < 4; i++) {
    sj__metrics *metrics = sj__metrics_new();
    fail_one_allocation(i);
    assert_null(sj__metrics_add(metrics, SJ__COUNTER, "a", "b", "c=\"d\""));
    assert_false(fail_no_allocations());
    sj__metrics_free(metrics);
  }
  fail_allocations_from(0);
  assert_null(sj__metrics_new());
  fail_no_allocations();
  assert_int_equal(live_allocations(), 0);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void count_much(void *argument) {
  sj__metric **metrics = argument;
  for (uint64_t i = 0; i < ROUNDS; i++) {
    sj__metric_add(metrics[0], 1);
    sj__metric_observe_ns(metrics[1], i * 1000);
  }
}

static void threads_count_without_losing_any(void **state) {
  sj__metrics *metrics = sj__metrics_new();
  sj__metric *both[] = {sj__metrics_add(metrics, SJ__COUNTER, "a", "a", NULL),
                        sj__metrics_add(metrics, SJ__HISTOGRAM, "b", "b", NULL)};
  sj__thread threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    assert_ok(sj__thread_start(&threads[i], "counter", count_much, both));
  }
  sj__buffer out;
  sj__buffer_init(&out, 0);
  sj__metrics_render(metrics, &out);
  sj__buffer_release(&out);
  for (int i = 0; i < THREADS; i++) sj__thread_join(threads[i]);
  assert_int_equal(sj__metric_value(both[0]), THREADS * ROUNDS);
  assert_int_equal(sj__metric_value(both[1]), THREADS * ROUNDS);
  sj__metrics_free(metrics);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(renders_the_text_format),
      cmocka_unit_test(histograms_count_by_upper_bound),
      cmocka_unit_test(nothing_is_counted_into_nothing),
      cmocka_unit_test(short_memory_is_told),
      cmocka_unit_test(threads_count_without_losing_any),
  };
  install_failing_allocator();
  return cmocka_run_group_tests_name("unit/base/metrics", tests, NULL, NULL);
}
