page 50112 "BH API Ret. Order Lines"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'salesReturnOrderLine';
    EntitySetName = 'salesReturnOrderLines';
    SourceTable = "Sales Line";
    SourceTableView = where("Document Type" = const("Return Order"));
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(documentNumber; Rec."Document No.") { }
                field(lineNumber; Rec."Line No.") { }
                field(lineType; Rec.Type) { }
                field(number; Rec."No.") { }
                field(variantCode; Rec."Variant Code") { }
                field(description; Rec.Description) { }
                field(locationCode; Rec."Location Code") { }
                field(binCode; Rec."Bin Code") { }
                field(quantity; Rec.Quantity) { }
                field(unitPrice; Rec."Unit Price") { }
                field(returnReasonCode; Rec."Return Reason Code") { }
                field(applFromItemEntry; Rec."Appl.-from Item Entry") { }
                field(taxPercent; Rec."VAT %") { }
                field(amountExcludingTax; Rec.Amount) { }
                field(amountIncludingTax; Rec."Amount Including VAT") { }
                field(returnQtyToReceive; Rec."Return Qty. to Receive") { }
                field(returnQtyReceived; Rec."Return Qty. Received") { }
                field(quantityInvoiced; Rec."Quantity Invoiced") { }
            }
        }
    }
}
