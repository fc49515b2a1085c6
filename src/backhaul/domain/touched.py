"""What does a kind of trouble touch, and what does that do meanwhile to each team's work?

Whether a customer waits, whether goods may be booked and whether money is held follow from what is touched, not from who owns it or how
loud it is. One sentence for each of these and each team.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from backhaul.domain.team import Team


class Touched(StrEnum):
    """What is touched by a kind of trouble as long as it is open."""

    LINE = "line"
    """A line that is not credited yet, and is not before this is settled."""
    STEP = "step"
    """A document of a line that is not made; what was made before it stands, its credit may be among that."""
    DOUBT = "doubt"
    """A document of the ERP of which nobody can say that it stands as it was wanted."""
    CREDIT = "credit"
    """A line that is credited already."""
    STOCK = "stock"
    """Goods that are booked; the credit has nothing to do with it."""
    UNITS = "units"
    """Units that belong to no line of a return."""
    PAYOUT = "payout"
    """Money a customer had already."""
    OWED = "owed"
    """Money a customer should have had, for a credit that is posted."""
    MESSAGE = "message"
    """What was told about a return, which is not followed before it is clear."""
    INTAKE = "intake"
    """Returns that may not be known here yet."""
    SHOP = "shop"
    """What the shop offers and takes back."""
    BOOKS = "books"
    """Accounts, months and signatures, as a whole."""
    ACCESS = "access"
    """The way to the ERP, for a whole legal entity."""
    HOUSE = "house"
    """Our own records, as a whole."""


_F, _W, _C, _I = Team.FINANCE, Team.WAREHOUSE, Team.CUSTOMER_SERVICE, Team.INTEGRATION

MEANWHILE: Final[Mapping[Touched, Mapping[Team, str]]] = {
    Touched.LINE: {
        _F: "The money shown is held and not posted; what is not part of this goes on.",
        _W: "What is here of these goods is not received in the ERP meanwhile; keep it apart.",
        _C: "The customer's credit waits for this; the due date says until when.",
        _I: "The line is planned anew at every turn; it goes on when its cause is gone."},
    Touched.STEP: {
        _F: "One document of the line is not made, and its money is held; what was posted before it stands.",
        _W: "What is booked of these goods stands; nothing more of them is booked meanwhile.",
        _C: "If the credit is what is not made, the customer's credit waits; the page of the return says what stands.",
        _I: "Nothing of it is sent again unseen; it goes on when its cause is gone or somebody decides."},
    Touched.DOUBT: {
        _F: "What the ERP holds of this is in doubt; rest no figure on it before it is settled.",
        _W: "What the ERP says of these goods may be wrong; leave them where they are and off sale until it is settled.",
        _C: "The credit may stand already and may be wrong; tell no amount and no date before this is settled.",
        _I: "What is there is not sent again unseen; this closes when the ERP tells what was wanted, or somebody decides."},
    Touched.CREDIT: {
        _F: "The credit is posted and stands until somebody decides otherwise; the money shown is what is in question.",
        _W: "The goods are credited already; nothing more of them is booked before it is decided.",
        _C: "The customer is credited already; tell them of no change before finance has decided.",
        _I: "What is posted stays as it is; this closes when its cause is gone or somebody decides."},
    Touched.STOCK: {
        _F: "The credit is not touched; the value of the stock is to be looked at.",
        _W: "These goods are booked; see that they lie where the ERP says, as what it says.",
        _C: "The customer's credit does not wait for this.",
        _I: "What is posted stays as it is; this closes when its cause is gone or somebody decides."},
    Touched.UNITS: {
        _F: "Nothing is credited for these units before it is known whose they are; announced lines go on.",
        _W: "Keep these units apart with the name of their parcel until somebody decided about them.",
        _C: "No announced credit waits for this; whoever asks about these units is told that their sale is looked for.",
        _I: "It closes when the units have a line, or somebody decides about them."},
    Touched.PAYOUT: {
        _F: "What was paid and what was credited do not answer each other; the money shown is open until they do.",
        _W: "Only the payment is in question; goods that still come are counted as always.",
        _C: "The customer had money already; promise no more before this is settled.",
        _I: "Nothing is paid by Backhaul; this closes when credit and payment answer each other, or somebody decides."},
    Touched.OWED: {
        _F: "The credit is posted and the money did not reach the customer; the liability stays open until it does.",
        _W: "No goods are part of this.",
        _C: "The credit is posted and the customer has not had the money; say that the payment is looked into.",
        _I: "Nothing is paid by Backhaul; this closes when the payment is told."},
    Touched.MESSAGE: {
        _F: "What was told is not followed before it is clear; of what hangs on it nothing is posted, and what is posted stands.",
        _W: "Count and grade as always; what was told here is not followed before it is clear.",
        _C: "It is not clear what was told of this return; a credit that hangs on it waits, one that is posted stands.",
        _I: "The message is kept as it came; this closes when it is clear what holds."},
    Touched.INTAKE: {
        _F: "Returns may not be known here yet, and are in no figure; nothing that is known is held by this.",
        _W: "Parcels may come whose returns are not known here yet; keep them apart until they are.",
        _C: "A return somebody asks about may not be known here yet; what is known goes on.",
        _I: "What was missed is taken in once this is mended; what is known goes on."},
    Touched.SHOP: {
        _F: "No money and no posting is touched.",
        _W: "Stock stays as it is booked; the shop may tell otherwise.",
        _C: "No customer's credit waits for this; the shop may offer what is not there, or take back what may not be returned.",
        _I: "No return is touched; this closes when the shop tells what it was told."},
    Touched.BOOKS: {
        _F: "What is posted stands; the figures of the month are not right before this is settled.",
        _W: "No goods are part of this.",
        _C: "No customer's credit waits for this.",
        _I: "Returns go on; this closes when the figures agree or somebody decides."},
    Touched.ACCESS: {
        _F: "What cannot be sent is held with its money, for the whole legal entity; what is posted stands.",
        _W: "Count and grade as always; what is to be booked is booked once this is mended.",
        _C: "No single return is wrong; what is due goes out once this is mended, and the due date says until when.",
        _I: "Nothing is lost and nothing was sent; what is due goes out by itself once this is mended."},
    Touched.HOUSE: {
        _F: "No posting is wrong by this; what Backhaul says of its own work is not whole before it is settled.",
        _W: "No goods are part of this.",
        _C: "No customer's credit waits for this.",
        _I: "Returns go on; this closes when our own records are whole again."},
}
"""One sentence for each team, by what is touched."""
