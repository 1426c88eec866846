"""An audit of behaviour: every public class and function is probed on kfront and on the installed Keras.

``python -m conformance --areas keras`` runs it. A probe is one thing that is done with a subject (a public name with
typical arguments); what is observed are facts, and each difference of a fact is a failure unless `explained.txt` has a
row with the reason.
"""
