"""Prediction, metrics, reports and pictures."""
