"""Tests that drive the app in headless Chromium, as a visitor would."""
