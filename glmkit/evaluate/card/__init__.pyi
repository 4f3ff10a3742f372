from .card import ResultsCard as ResultsCard
from .card import read_card as read_card
from .card import results_card as results_card
