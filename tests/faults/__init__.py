"""Faults happen while frames come in; the results are checked from outside.

A fault is a test that takes `trials`, opens a trial, breaks something inside of
``with trial.fault(…)`` and states how soon work must go on:

    def test_…(trials: Trials) -> None:
        with trials(EMBEDDED) as trial:
            with trial.fault("worker killed"):
                trial.site.kill("worker")
            trial.resumes(within_sec=15)

Opening the trial starts the installation, the algorithm services and the camera, and waits for the
first results. Leaving it stops the camera, waits until everything has settled and checks that
every frame has a single fate, that alerts match the answers, that limits held and that no
process is left. See README.md beside this file.
"""
